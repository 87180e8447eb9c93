//! The two web listeners: enrolment over TLS, pages and metrics over plain HTTP on this machine.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::dashboard::{self, Inside, Views};
use crate::metrics;
use crate::store::Store;

/// How long open requests may take to finish when the relay stops.
pub(super) const STOP_TIME: Duration = Duration::from_secs(10);

/// Connections of one listener at once.
const CONNECTIONS_MAX: usize = 512;

/// Time for a TLS handshake, and for a request's head.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pages, metrics and a sign of life.
pub(super) fn router(store: &Store, views: Arc<dyn Views>, inside: Option<Arc<Inside>>) -> Router {
    let own = Router::new()
        .route("/metrics", get(metrics_page))
        .route("/healthz", get(health))
        .with_state(Own {
            store: store.clone(),
            inside: inside.clone(),
        });
    own.merge(dashboard::router(
        views,
        store.clock().clone(),
        store.listen(),
        inside,
    ))
}

/// What the routes know that are no pages.
#[derive(Clone)]
struct Own {
    store: Store,
    inside: Option<Arc<Inside>>,
}

async fn metrics_page(State(Own { store, inside }): State<Own>, parts: Parts) -> Response {
    match dashboard::may_scrape(inside.as_deref(), &parts).await {
        Ok(true) => {}
        Ok(false) => {
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            let words = "found no token that may see devices; scrape from this machine, or with one of \
                         `tillwire-relay person token`\n";
            return (StatusCode::UNAUTHORIZED, challenge, words).into_response();
        }
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
    match metrics::scrape(&store).await {
        Ok(()) => (
            [(header::CONTENT_TYPE, metrics::CONTENT_TYPE)],
            store.metrics().page(),
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Answers when the store does.
async fn health(State(Own { store, .. }): State<Own>) -> Response {
    match store
        .read(|db| Ok(db.query_row("SELECT 1", [], |_| Ok(()))?))
        .await
    {
        Ok(()) => "ok\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

/// Pages that are served over TLS by ourselves: browsers must not try without it any more, for a year (RFC 6797). Behind
/// a proxy its header counts, not ours.
pub(super) fn only_over_tls(pages: Router) -> Router {
    let year = HeaderValue::from_static("max-age=31536000");
    pages.layer(SetResponseHeaderLayer::overriding(
        header::STRICT_TRANSPORT_SECURITY,
        year,
    ))
}

/// Serves plain HTTP until `stop`.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    accept(listener, router, stop, |stream| async { Some(stream) }).await;
}

/// Serves HTTPS until `stop`.
pub(super) async fn serve_tls(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    stop: CancellationToken,
) {
    let acceptor = TlsAcceptor::from(tls);
    accept(listener, router, stop, move |stream| {
        let acceptor = acceptor.clone();
        async move {
            tokio::time::timeout(PATIENCE, acceptor.accept(stream))
                .await
                .ok()?
                .ok()
        }
    })
    .await;
}

async fn accept<F, S>(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    shake: impl Fn(TcpStream) -> F,
) where
    F: Future<Output = Option<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let tasks = TaskTracker::new();
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // out of files, most likely: let some connections end
                tracing::warn!("cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (shaken, router, stop) = (shake(stream), router.clone(), stop.clone());
        tasks.spawn(async move {
            if let Some(stream) = shaken.await {
                connection(stream, address, router, stop).await;
            }
            drop(seat);
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn connection<S>(stream: S, address: SocketAddr, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        request.map(axum::body::Body::new)
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            // a page that listens for events would never end by itself
            served.as_mut().graceful_shutdown();
            match tokio::time::timeout(Duration::from_secs(1), served).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("{address}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;

    use super::*;

    #[tokio::test]
    async fn browsers_are_told_to_come_over_tls_only_where_we_serve_it_and_for_every_answer() {
        let plain = Router::new().route("/", get(|| async { "page" }));
        let ask = async |router: Router, path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = router.oneshot(request).await.unwrap();
            answer.headers().get(header::STRICT_TRANSPORT_SECURITY).cloned()
        };
        assert_eq!(ask(plain.clone(), "/").await, None);
        for path in ["/", "/no-such-page"] {
            let told = ask(only_over_tls(plain.clone()), path).await.unwrap();
            assert_eq!(told, "max-age=31536000");
        }
    }
}
