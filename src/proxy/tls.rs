//! What lies under HTTP: the socket, TLS on it where a certificate is configured, and a guard against clients that
//! stop reading.
//!
//! Must not: know HTTP, but for the protocol that ALPN chose.

mod ends;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

pub use crate::settings::TlsFiles;
use crate::types::Moment;

/// Why TLS can't be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file.
    #[error("tls_cert can't be read: {0}")]
    Cert(rustls::pki_types::pem::Error),
    /// It holds no certificate.
    #[error("tls_cert holds no certificate")]
    NoCert,
    /// The key file.
    #[error("tls_key can't be read: {0}")]
    Key(rustls::pki_types::pem::Error),
    /// They don't fit together, or can't be used.
    #[error("tls_cert and tls_key can't be used: {0}")]
    Unfit(#[from] rustls::Error),
}

/// The certificate in force, shared with the listener. Another one counts for handshakes that begin after it was put in
/// force; connections that are open go on.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<ArcSwap<Ready>>);

impl Certificate {
    /// Puts another one in force.
    pub fn replace(&self, ready: Ready) {
        self.0.store(Arc::new(ready));
    }

    /// When the one in force ends.
    #[must_use]
    pub fn ends(&self) -> Option<Moment> {
        self.0.load().ends
    }
}

/// A certificate and its key that fit together.
#[derive(Clone, Debug)]
pub struct Ready {
    config: Arc<ServerConfig>,
    ends: Option<Moment>,
}

impl Ready {
    /// Reads the files.
    ///
    /// # Errors
    /// When they can't be used.
    pub fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_file_iter(&files.cert)
            .map_err(TlsError::Cert)?
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsError::Cert)?;
        if chain.is_empty() {
            return Err(TlsError::NoCert);
        }
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(TlsError::Key)?;
        let ends = ends::of(&chain);
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            ends,
        })
    }

    /// When the certificate ends; none where that can't be read.
    #[must_use]
    pub const fn ends(&self) -> Option<Moment> {
        self.ends
    }
}

/// Makes TLS connections of sockets.
#[derive(Clone)]
pub(crate) struct Acceptor(Certificate);

impl Acceptor {
    pub(crate) fn new(files: &TlsFiles) -> Result<Self, TlsError> {
        let ready = Arc::new(Ready::read(files)?);
        Ok(Self(Certificate(Arc::new(ArcSwap::new(ready)))))
    }

    pub(crate) const fn certificate(&self) -> &Certificate {
        &self.0
    }

    pub(crate) fn accept(&self, socket: TcpStream) -> Accept<TcpStream> {
        let config = Arc::clone(&(self.0).0.load().config);
        TlsAcceptor::from(config).accept(socket)
    }
}

/// A connection under HTTP.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The socket.
    fn socket(&self) -> &TcpStream;
    /// Whether ALPN chose HTTP/2.
    fn is_h2(&self) -> bool;
}

impl Transport for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }

    fn is_h2(&self) -> bool {
        false
    }
}

impl Transport for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }

    fn is_h2(&self) -> bool {
        self.get_ref().1.alpn_protocol() == Some(b"h2")
    }
}

/// Closes a connection so that a client that is still sending reads our answer first: a socket closed over unread
/// bytes would reset the connection and could take the answer with it. At most one second and 1 MiB.
pub(crate) async fn close_gently(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let gentle = async {
        io.shutdown().await?;
        let mut sink = vec![0; 8 << 10];
        for _ in 0..128 {
            if io.read(&mut sink).await? == 0 {
                break;
            }
        }
        Ok::<(), io::Error>(())
    };
    // Whatever comes of it, the connection ends here.
    let _ended = timeout(Duration::from_secs(1), gentle).await;
}

/// Ends a connection whose client takes nothing for `limit`.
pub(crate) struct Guarded<T> {
    pub(crate) io: T,
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<T> Guarded<T> {
    pub(crate) const fn new(io: T, limit: Duration) -> Self {
        Self {
            io,
            limit,
            timer: None,
        }
    }

    fn judged<R>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if polled.is_ready() {
            self.timer = None;
            return polled;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.judged(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.judged(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.judged(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_shutdown(cx);
        self.judged(cx, polled)
    }
}
