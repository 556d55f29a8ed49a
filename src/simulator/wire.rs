//! A TCP stream whose last bytes can be taken out of hyper's hands.
//!
//! A script set before the connection ends is played byte by byte on the bare socket: cut answers, pauses, bad chunks,
//! a reset instead of a goodbye. Must not: play anything while hyper still writes (it runs when hyper lets go).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// One step on the bare socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Write(Vec<u8>),
    Pause(Duration),
    /// The peer sees a reset, not an end.
    Reset,
}

/// What to do with the socket once hyper has let go of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Script(Arc<Mutex<Option<Vec<Step>>>>);

impl Script {
    pub(super) fn set(&self, steps: Vec<Step>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(steps);
    }

    fn take(&self) -> Option<Vec<Step>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_set(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }
}

/// The stream as hyper sees it.
pub(super) struct Wire {
    stream: Option<TcpStream>,
    script: Script,
    stop: CancellationToken,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, script: Script, stop: CancellationToken) -> Self {
        Self {
            stream: Some(stream),
            script,
            stop,
        }
    }

    fn inner(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream
            .as_mut()
            .map(Pin::new)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner()?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner()?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.script.is_set() {
            return Poll::Ready(Ok(()));
        }
        self.inner()?.poll_shutdown(cx)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let (Some(steps), Some(stream)) = (self.script.take(), self.stream.take()) else {
            return;
        };
        let stop = self.stop.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = play(stream, steps) => {}
                }
            });
        }
    }
}

async fn play(mut stream: TcpStream, steps: Vec<Step>) {
    for step in steps {
        match step {
            Step::Write(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Step::Pause(time) => tokio::time::sleep(time).await,
            Step::Reset => {
                let _best_effort = stream.set_zero_linger();
                return;
            }
        }
    }
    let _best_effort = stream.shutdown().await;
}
