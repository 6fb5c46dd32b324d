//! Connections: how many there may be, how long one may take its time, and their end in order.
//!
//! A client that sends its request a byte at a time, or none at all, costs a place and a buffer for as long
//! as it likes, unless somebody looks. One task looks after all connections once a second; a connection
//! itself only counts what it does, so a request that is quick pays for none of this. How long a request's
//! body and its answer may take is decided where they are read (`received`, `middleware::body_limit`)
//! and made (`router`). HTTP/1.1 only: TLS and newer versions are the affair of a proxy in front.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::front::Front;

/// What clients may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. Further ones wait until a place is free.
    pub connections: u32,
    /// From the first byte of a request, or from the beginning of a connection, to the end of its headers.
    pub head: Duration,
    /// Without a request, or without reading what is answered. Longer than the minute after which proxies
    /// usually drop a connection: who drops it must be the side that uses it next.
    pub idle: Duration,
    /// Between two looks.
    pub look: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            look: Duration::from_secs(1),
        }
    }
}

/// Connections that the kernel keeps until they are taken; it cuts this to its own limit. With the 128 that are usual,
/// a burst costs those who come behind a second each, or leaves them waiting for nothing.
const BACKLOG: u32 = 4096;
/// How long, and how much, is read away behind a last answer.
const LINGER: (Duration, usize) = (Duration::from_secs(2), 4 * 1024 * 1024);
/// An answer of a webhook fits, in bytes.
const SMALL: usize = 1024;
/// What a connection buffers at most, headers included. What is larger is refused with 431.
const BUFFER: usize = 64 * 1024;
/// After a failure to take a connection: usually there are no more file descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Opens a port.
///
/// # Errors
/// Those of the system: the port is taken, or not ours to open.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose last connections have just ended is free again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop`; comes back when every connection has ended. A request that is under way then is
/// answered, and its connection ends with it.
pub async fn serve(listener: TcpListener, front: Front, limits: Limits, stop: &CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.connections as usize));
    let mut watched = Vec::new();
    let mut looks = interval(limits.look);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = looks.tick() => look(&mut watched, limits, places.available_permits() == 0),
            (place, stream, peer) = take(&listener, &places) => {
                let pace = Arc::new(Pace::default());
                watched.push(Watched { pace: Arc::clone(&pace), mark: 0, since: Instant::now() });
                let front = front.clone();
                tokio::spawn(async move {
                    drive(stream, peer, front, pace).await;
                    drop(place);
                });
            }
        }
    }
    drop(listener);
    for connection in &watched {
        connection.pace.tell(END);
    }
    let mut ended = pin!(places.acquire_many(limits.connections));
    loop {
        tokio::select! {
            _ = &mut ended => return,
            _ = looks.tick() => look(&mut watched, limits, true),
        }
    }
}

/// Waits for a place, then for a connection.
async fn take(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (place, stream, peer),
            // Gone before it was taken: the next one.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no connection could be taken");
                sleep(PAUSE).await;
            }
        }
    }
}

/// A connection in the eyes of the one who looks.
struct Watched {
    pace: Arc<Pace>,
    mark: u64,
    /// Since when the mark is what it is, as far as was seen.
    since: Instant,
}

/// Cuts what takes too long. Where all places are taken, those who have nothing to ask make room sooner.
fn look(watched: &mut Vec<Watched>, limits: Limits, is_full: bool) {
    watched.retain(|connection| Arc::strong_count(&connection.pace) > 1);
    metrics::gauge!("voxanne_http_connections").set(watched.len() as f64);
    let now = Instant::now();
    for connection in watched {
        let mark = connection.pace.mark.load(Ordering::Relaxed);
        if mark != connection.mark {
            connection.mark = mark;
            connection.since = now;
            continue;
        }
        let limit = match mark & STAGE {
            HEAD => limits.head,
            IDLE if is_full => limits.head.min(limits.idle),
            IDLE => limits.idle,
            // The time of a request is limited where it is worked on.
            _ => continue,
        };
        if now.duration_since(connection.since) >= limit {
            metrics::counter!("voxanne_http_connections_cut_total").increment(1);
            connection.pace.tell(CUT);
        }
    }
}

/// Waits for the rest of a request's headers.
const HEAD: u64 = 0;
/// Waits for a request, while the last answer may still be on its way.
const IDLE: u64 = 1;
/// Works on a request.
const WORK: u64 = 2;
const STAGE: u64 = 3;

/// Ends after the request that is under way.
const END: u8 = 1;
/// Ends at once.
const CUT: u8 = 2;

/// How a connection gets on. Only its own task writes the mark.
#[derive(Default)]
struct Pace {
    /// The stage, and above it a count of steps: a mark that stays the same is a connection that stands still.
    mark: AtomicU64,
    told: AtomicU8,
    waker: OnceLock<Waker>,
}

impl Pace {
    fn step(&self, stage: u64) {
        let count = self.mark.load(Ordering::Relaxed) / (STAGE + 1);
        self.mark.store((count + 1) * (STAGE + 1) + stage, Ordering::Relaxed);
    }

    /// Steps only from being idle: later bytes of a head do not begin its time anew.
    fn step_from_idle(&self, stage: u64) {
        if self.mark.load(Ordering::Relaxed) & STAGE == IDLE {
            self.step(stage);
        }
    }

    fn tell(&self, what: u8) {
        self.told.store(what, Ordering::Release);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}

/// Serves one connection to its end.
async fn drive(mut stream: TcpStream, peer: SocketAddr, front: Front, pace: Arc<Pace>) {
    if !converse(&mut stream, peer, &front, &pace).await {
        read_away(&mut stream).await;
    }
}

/// Answers requests until there are no more, and says whether that was cut short.
async fn converse(stream: &mut TcpStream, peer: SocketAddr, front: &Front, pace: &Pace) -> bool {
    let service = service_fn(|request: Request<Incoming>| async move {
        pace.step(WORK);
        let answer = front.answer(request, peer).await;
        pace.step(IDLE);
        Ok::<_, Infallible>(answer)
    });
    let io = Paced { io: TokioIo::new(stream), pace };
    let mut connection = pin!(http1::Builder::new().max_buf_size(BUFFER).serve_connection(io, service));
    let mut is_ending = false;
    std::future::poll_fn(|context| {
        // A task of its own is always polled with the same waker.
        pace.waker.get_or_init(|| context.waker().clone());
        match pace.told.load(Ordering::Acquire) {
            CUT => return Poll::Ready(true),
            END if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
            _ => {}
        }
        // How it ended is the client's affair: what went wrong with a request was answered there.
        connection.as_mut().poll(context).map(|_| false)
    })
    .await
}

/// Reads what still comes behind the last answer, for a moment. Who was answered before the end of a body may still
/// be sending it, and a connection that is closed with something unread is reset: the answer would be lost.
async fn read_away(stream: &mut TcpStream) {
    let (time, most) = LINGER;
    // On the heap: a connection has no place for it until here.
    let mut away = vec![0; 16 * 1024];
    let reading = async {
        let mut count = 0;
        while count < most {
            match stream.read(&mut away).await {
                Ok(read) if read > 0 => count += read,
                _ => break,
            }
        }
    };
    // Who sends more than that may get the reset.
    let _ = timeout(time, reading).await;
}

/// The bytes of a connection, which tell how it gets on.
struct Paced<'p> {
    io: TokioIo<&'p mut TcpStream>,
    pace: &'p Pace,
}

impl Read for Paced<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if read.is_ready() {
            self.pace.step_from_idle(HEAD);
        }
        read
    }
}

impl Write for Paced<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        if written.is_ready() {
            self.pace.step_from_idle(IDLE);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// A small answer is written in one piece: to have the kernel gather its parts costs more than to copy them
    /// together. A large one is never copied.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length <= SMALL {
            let mut whole = [0; SMALL];
            let mut at = 0;
            for part in parts {
                whole[at..at + part.len()].copy_from_slice(part);
                at += part.len();
            }
            return self.poll_write(context, &whole[..length]);
        }
        let written = Pin::new(&mut self.io).poll_write_vectored(context, parts);
        if written.is_ready() {
            self.pace.step_from_idle(IDLE);
        }
        written
    }
}
