//! Enrolling: a one-time code in, a certificate out. Two HTTP requests, asked of the relay whose root certificate the
//! code names, and of nobody else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use hyper::{Request, StatusCode, header};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tillwire_proto::enrol::{
    Base64, ENROL_BODY_LEN_MAX, EnrolAsked, EnrolProblem, EnrolRequest, EnrolStatus, Enrolled, EnrolmentCode,
    Secret, key_groups,
};
use tokio_rustls::TlsConnector;

use crate::clock::Clock;
use crate::https::{Answer, Server};
use crate::identity::{self, DeviceKey};
use crate::uplink::split_host_port;
use crate::uplink::tls::{CertificateTime, provider};

/// What enrolling needs.
#[derive(Debug)]
pub struct Enrolment<'a> {
    /// Where key and identity are kept.
    pub state_dir: &'a Path,
    /// `https://host:port` of the relay's enrolment listener.
    pub relay: &'a str,
    /// The one-time code, as typed.
    pub code: &'a str,
    /// How long to wait for a person to accept.
    pub patience: Duration,
    /// Clocks.
    pub clock: Clock,
}

impl Enrolment<'_> {
    /// Makes the key where there is none, asks, calls `compare` with the six groups that a person compares with the
    /// relay's screen, waits until the device is accepted, and keeps what the relay said.
    ///
    /// # Errors
    /// When the code is wrong, another relay answers, a person refuses, or patience ends; asking again later with the
    /// same code goes on where it was.
    pub async fn run(&self, compare: impl FnOnce(&str)) -> anyhow::Result<Enrolled> {
        let code: EnrolmentCode = self.code.parse()?;
        if let Some(enrolled) = identity::read(self.state_dir)? {
            bail!(
                "this box is enrolled already, as device {} of store {}; `tillwire-agent wipe` first",
                enrolled.device,
                enrolled.store
            );
        }
        let key = DeviceKey::read_or_make(self.state_dir)?;
        let client = Client::new(self.relay, code.clone(), self.clock.clone())?;
        let asked = client.ask(self.code, &key).await?;
        compare(&key_groups(&key.fingerprint()));
        let enrolled = tokio::time::timeout(self.patience, client.wait(&asked)).await;
        let enrolled = enrolled
            .context("nobody accepted this device in time; run the same command again to go on")??;
        check(&enrolled, &code, &key)?;
        identity::write(self.state_dir, &enrolled)?;
        Ok(enrolled)
    }
}

/// The relay's answer is believed when it is for our key and under the root that the code names.
fn check(enrolled: &Enrolled, code: &EnrolmentCode, key: &DeviceKey) -> anyhow::Result<()> {
    if !code.trusts(&enrolled.root.0) {
        bail!("the relay sent another root certificate than the code names; ask for a new code");
    }
    if enrolled.receipt_key.0.len() != 32 {
        bail!(
            "found a receipt key of {} bytes, wanted 32",
            enrolled.receipt_key.0.len()
        );
    }
    split_host_port(&enrolled.mqtt)?;
    let (chain, root) = identity::certificates(enrolled);
    // Fails unless the certificate is for our key.
    crate::uplink::tls::client_config(root, chain, key.tls(), Clock::new(None, 0))?;
    Ok(())
}

struct Client(Server);

impl Client {
    fn new(relay: &str, code: EnrolmentCode, clock: Clock) -> anyhow::Result<Self> {
        let wrong = || format!("found relay address {relay:?}, wanted https://host:port");
        let address = relay.strip_prefix("https://").with_context(wrong)?;
        let (host, port) = split_host_port(address.trim_end_matches('/')).with_context(wrong)?;
        let mut config = ClientConfig::builder_with_details(provider(), Arc::new(CertificateTime(clock)))
            .with_safe_default_protocol_versions()
            .context("the TLS versions do not fit the cryptography")?
            .dangerous() // the verifier is stricter than the usual one: a single root, named by the code
            .with_custom_certificate_verifier(Arc::new(NamedRoot { code }))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self(Server {
            host,
            port,
            tls: Some(TlsConnector::from(Arc::new(config))),
        }))
    }

    async fn ask(&self, code: &str, key: &DeviceKey) -> anyhow::Result<EnrolAsked> {
        let request = EnrolRequest {
            code: Secret(code.to_owned()),
            csr: Base64(key.request()?),
        };
        let body = serde_json::to_vec(&request)?;
        let request = Request::post("/enroll").header(header::CONTENT_TYPE, "application/json");
        self.call(request, body).await
    }

    async fn wait(&self, asked: &EnrolAsked) -> anyhow::Result<Enrolled> {
        let pause = Duration::from_secs(u64::from(asked.poll_seconds.clamp(1, 60)));
        loop {
            let request = Request::get(format!("/enroll/{}", asked.request))
                .header(header::AUTHORIZATION, format!("Bearer {}", asked.poll.0));
            match self.call::<EnrolStatus>(request, Vec::new()).await {
                Ok(EnrolStatus::Accepted(enrolled)) => return Ok(*enrolled),
                Ok(EnrolStatus::Refused { reason }) => bail!("a person refused this device: {reason}"),
                Ok(EnrolStatus::Waiting) => {}
                Err(error) if error.is::<Final>() => return Err(error),
                Err(error) => tracing::warn!("the relay did not answer: {error:#}; asking again"),
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        request: hyper::http::request::Builder,
        body: Vec<u8>,
    ) -> anyhow::Result<T> {
        let Answer { status, body, .. } = self.0.exchange(request, body, ENROL_BODY_LEN_MAX).await?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .context("the relay's answer is not what this agent understands");
        }
        let problem = serde_json::from_slice::<EnrolProblem>(&body);
        let words = problem.map_or_else(
            |_| format!("the relay answered {status}"),
            |problem| problem.message,
        );
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            bail!("{words}");
        }
        Err(Final(words).into())
    }
}

/// A refusal that asking again does not change.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Final(String);

/// Believes a server whose chain ends in the root that the code names.
#[derive(Debug)]
struct NamedRoot {
    code: EnrolmentCode,
}

impl ServerCertVerifier for NamedRoot {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let named = intermediates.iter().find(|der| self.code.trusts(der));
        let Some(root) = named else {
            return Err(rustls::Error::General(
                "this relay is not the one that the code names".to_owned(),
            ));
        };
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
            .build()
            .map_err(|_| rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
