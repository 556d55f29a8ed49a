//! The yardstick for pass-through: a proxy of bare hyper that knows nothing but where to send what comes.
//!
//! Must not: do anything that a proxy could leave out.

use std::io;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST};
use hyper::service::service_fn;
use hyper::{Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// Serves until it is killed.
pub fn run(listen: &str, upstream: &str, threads: usize) -> io::Result<()> {
    let mut builder = if threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    let runtime = builder.worker_threads(threads).enable_all().build()?;
    runtime.block_on(serve(listen, upstream.to_owned()))
}

async fn serve(listen: &str, upstream: String) -> io::Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let (client, upstream) = (client.clone(), upstream.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            let path = request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str());
            let uri = Uri::builder()
                .scheme("http")
                .authority(upstream.as_str())
                .path_and_query(path)
                .build();
            let client = client.clone();
            async move {
                *request.uri_mut() = uri.map_err(io::Error::other)?;
                request.headers_mut().remove(HOST);
                request.headers_mut().remove(CONNECTION);
                let mut answer = client.request(request).await.map_err(io::Error::other)?;
                answer.headers_mut().remove(CONNECTION);
                Ok::<_, io::Error>(answer)
            }
        });
        tokio::spawn(async move {
            let _ended = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}
