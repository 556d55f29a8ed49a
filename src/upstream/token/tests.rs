//! An endpoint that is down, and one whose answer has no end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::types::SystemClock;
use crate::upstream::probe::{Probe, Silence};

const SECOND: Duration = Duration::from_secs(1);

/// More than the buffers of two sockets, and far less than what comes within the time of a question.
const BUFFERED: usize = 32 << 20;

const GRANTED: &str = r#"{"access_token":"good","expires_in":"3600"}"#;

/// What the endpoint says.
#[derive(Clone, Copy)]
enum Says {
    Granted,
    Down,
    /// 200, and a token that goes on as long as somebody takes it.
    Endless,
}

/// An endpoint, what it says, how often it was asked, and what it got rid of.
struct Endpoint {
    url: String,
    says: Arc<Mutex<Says>>,
    asked: Arc<AtomicUsize>,
    written: Arc<AtomicUsize>,
}

impl Endpoint {
    async fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            says: Arc::new(Mutex::new(says)),
            asked: Arc::default(),
            written: Arc::default(),
        };
        let (says, asked) = (Arc::clone(&endpoint.says), Arc::clone(&endpoint.asked));
        let written = Arc::clone(&endpoint.written);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let now = *says.lock().unwrap();
                let (asked, written) = (Arc::clone(&asked), Arc::clone(&written));
                tokio::spawn(answer(socket, now, asked, written));
            }
        });
        endpoint
    }

    fn say(&self, says: Says) {
        *self.says.lock().unwrap() = says;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// One request, and the end of its connection.
async fn answer(
    mut socket: TcpStream,
    says: Says,
    asked: Arc<AtomicUsize>,
    written: Arc<AtomicUsize>,
) {
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(&piece[..count]),
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let text = match says {
        Says::Granted => format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{GRANTED}",
            GRANTED.len()
        ),
        Says::Down => "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\
                       content-length: 0\r\n\r\n"
            .to_owned(),
        Says::Endless => {
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"access_token\":\"".to_owned()
        }
    };
    if socket.write_all(text.as_bytes()).await.is_err() || !matches!(says, Says::Endless) {
        return;
    }
    let piece = vec![b'x'; 64 << 10];
    while let Ok(count) = socket.write(&piece).await {
        written.fetch_add(count, Ordering::SeqCst);
    }
}

fn keys() -> UnitKeys {
    UnitKeys {
        client_id: "id".to_owned(),
        client_secret: "secret".into(),
        subscription_key: "key".into(),
    }
}

fn unit() -> Msn {
    Msn::parse("123456").unwrap()
}

#[tokio::test]
async fn a18_where_renewing_fails_a_good_token_serves_until_it_is_refused() {
    let endpoint = Endpoint::start(Says::Granted).await;
    let meters = Arc::<Meters>::default();
    let errors = || {
        let text = meters.render();
        let name = "bridge_upstream_errors_total{api=\"token\",kind=\"token\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::to_owned)
    };
    let tokens = Tokens::new(&endpoint.url, SECOND, Arc::clone(&meters)).unwrap();
    let (msn, keys) = (unit(), keys());
    let good = tokens.credentials(&msn, &keys).await.unwrap();
    assert_eq!((endpoint.asked(), errors()), (1, None));
    // Half of its time has passed, and the endpoint is down: counted at once, with half an hour left.
    tokens.kept.invalidate(&(msn.clone(), keys.mark())).await;
    endpoint.say(Says::Down);
    for _ in 0..3 {
        let old = tokens.credentials(&msn, &keys).await.unwrap();
        assert_eq!(old.authorization, good.authorization);
        assert!(old.authorization.is_some());
    }
    assert_eq!(endpoint.asked(), 2, "once, not for each call");
    assert_eq!(errors().as_deref(), Some("1"));
    tokens.forget(&msn, &keys, &good).await;
    assert!(tokens.credentials(&msn, &keys).await.is_err());
}

/// The alarm comes long before the calls fail: what the shortest lifetime leaves after the first failed renewal.
#[test]
fn a18_a_renewal_that_fails_is_told_half_an_hour_before_the_end() {
    let shortest = Duration::from_secs(60 * 60);
    assert!(RENEW_AFTER + Duration::from_secs(30 * 60) <= shortest);
    assert!(RENEW_AFTER < GOOD_FOR && GOOD_FOR < shortest);
}

#[tokio::test]
async fn a_token_answer_without_an_end_is_refused_and_no_more_of_it_is_read() {
    let endpoint = Endpoint::start(Says::Endless).await;
    let tokens = Tokens::new(&endpoint.url, SECOND, Arc::default()).unwrap();
    let refused = tokens.credentials(&unit(), &keys()).await;
    assert!(matches!(
        refused.map_err(|error| (*error).clone()),
        Err(TokenError::NoAnswer)
    ));
    let probe = Probe::new(&endpoint.url, SECOND).unwrap();
    let told = probe.token(&unit(), &keys(), &SystemClock).await;
    assert_eq!(told.map(|_| ()), Err(Silence::Unreadable));
    assert_eq!(endpoint.asked(), 2);
    let written = endpoint.written.load(Ordering::SeqCst);
    assert!(written < BUFFERED, "{written} bytes were taken");
}
