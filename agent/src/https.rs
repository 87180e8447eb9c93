//! One HTTP request to somebody's server, over TLS: what enrolling needs, and asking a retailer's account.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::http::request::Builder;
use hyper::{HeaderMap, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::clock::Clock;
use crate::uplink::tls::{CertificateTime, provider};

/// One request, from connecting to the last byte of the answer.
const REQUEST_TIME: Duration = Duration::from_secs(60);

/// A server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `None` without TLS, on this machine.
    pub(crate) tls: Option<TlsConnector>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({}:{})", self.host, self.port)
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// TLS as every browser does it: any server that one of the world's authorities vouches for.
///
/// # Errors
/// When the TLS versions do not fit the cryptography.
pub(crate) fn public_tls(clock: Clock) -> anyhow::Result<TlsConnector> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let mut config = ClientConfig::builder_with_details(provider(), Arc::new(CertificateTime(clock)))
        .with_safe_default_protocol_versions()
        .context("the TLS versions do not fit the cryptography")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl Server {
    /// Asks, and reads the answer whole.
    ///
    /// # Errors
    /// When it does not answer in time, or with more than `len_max` bytes.
    pub(crate) async fn exchange(
        &self,
        request: Builder,
        body: Vec<u8>,
        len_max: usize,
    ) -> anyhow::Result<Answer> {
        tokio::time::timeout(REQUEST_TIME, self.connect_and_ask(request, body, len_max))
            .await
            .with_context(|| format!("no answer within {} s", REQUEST_TIME.as_secs()))?
    }

    fn authority(&self) -> String {
        match (self.port, &self.tls) {
            (443, Some(_)) | (80, None) => self.host.clone(),
            (port, _) => format!("{}:{port}", self.host),
        }
    }

    async fn connect_and_ask(
        &self,
        request: Builder,
        body: Vec<u8>,
        len_max: usize,
    ) -> anyhow::Result<Answer> {
        let connecting = || format!("cannot reach {}:{}", self.host, self.port);
        let tcp = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .with_context(connecting)?;
        let Some(tls) = &self.tls else {
            return self.ask(tcp, request, body, len_max).await;
        };
        let name =
            ServerName::try_from(self.host.clone()).context("the server's host is no name or address")?;
        let tls = tls.connect(name, tcp).await.with_context(connecting)?;
        self.ask(tls, request, body, len_max).await
    }

    async fn ask(
        &self,
        line: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        request: Builder,
        body: Vec<u8>,
        len_max: usize,
    ) -> anyhow::Result<Answer> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(line)).await?;
        let connection = tokio::spawn(connection);
        let request = request
            .header(header::HOST, self.authority())
            .header(header::CONTENT_LENGTH, body.len())
            .body(axum::body::Body::from(body))?;
        let answer: Response<Incoming> = sender.send_request(request).await?;
        let (parts, body) = answer.into_parts();
        let body = axum::body::to_bytes(axum::body::Body::new(body), len_max).await;
        connection.abort();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.context("the answer broke off, or is longer than any should be")?,
        })
    }
}
