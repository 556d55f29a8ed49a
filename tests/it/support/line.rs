//! The line between a bridge and its database: slow, dumb, cut, or led to another server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// How the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Open,
    /// Each piece takes so long.
    Slow(Duration),
    /// Connections stay and nothing passes.
    Dumb,
    /// Connections end, new ones at once.
    Cut,
}

pub(crate) struct Line {
    addr: SocketAddr,
    manner: watch::Sender<Manner>,
    server: watch::Sender<PathBuf>,
}

impl Line {
    pub(crate) async fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (manner, _) = watch::channel(Manner::Open);
        let (server, leads) = watch::channel(socket.to_owned());
        let is = manner.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let to = leads.borrow().clone();
                let mut is = is.clone();
                tokio::spawn(async move {
                    let mut cut = is.clone();
                    tokio::select! {
                        () = pass(client, &to, &mut is) => {}
                        _ = cut.wait_for(|is| *is == Manner::Cut) => {}
                    }
                });
            }
        });
        Self {
            addr,
            manner,
            server,
        }
    }

    /// As `store.url` says it.
    pub(crate) fn setting(&self) -> String {
        format!(
            "\"postgres://bridge@{}/postgres?sslmode=disable\"",
            self.addr
        )
    }

    pub(crate) fn is(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// New connections come out there.
    pub(crate) fn leads_to(&self, socket: &Path) {
        self.server.send_replace(socket.to_owned());
    }
}

async fn pass(mut client: TcpStream, server: &Path, is: &mut watch::Receiver<Manner>) {
    let Ok(mut server) = UnixStream::connect(server).await else {
        return;
    };
    let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(1..) = read else { return };
                let manner = *is.borrow_and_update();
                match manner {
                    Manner::Slow(time) => {
                        // A piece that waits goes on when the line is another.
                        let _over = tokio::time::timeout(time, is.wait_for(|now| *now != manner)).await;
                    }
                    Manner::Dumb if is.wait_for(|is| *is != Manner::Dumb).await.is_err() => return,
                    _ => {}
                }
                if server.write_all(&up[..read.unwrap()]).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let Ok(1..) = read else { return };
                if client.write_all(&down[..read.unwrap()]).await.is_err() { return }
            }
        }
    }
}
