//! Enrolling against an HTTPS server that is played.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer, IsCa, KeyPair,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tillwire_agent::clock::Clock;
use tillwire_agent::enrol::Enrolment;
use tillwire_agent::identity;
use tillwire_proto::enrol::{Base64, EnrolAsked, EnrolRequest, EnrolStatus, Enrolled, EnrolmentCode, Secret};
use tillwire_proto::{Digest, RelayId};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self {
            root: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap(),
        }
    }

    fn root(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    fn code(&self) -> EnrolmentCode {
        EnrolmentCode::new([5; 16], &Digest::of(&self.root()))
    }

    fn server(&self) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.root).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone(), self.root()], key);
        Arc::new(config.unwrap())
    }

    fn enrolled(&self, csr: &Base64) -> Enrolled {
        let csr = CertificateSigningRequestParams::from_der(&csr.0.clone().into()).unwrap();
        let certificate = csr.signed_by(&self.root).unwrap();
        Enrolled {
            chain: vec![Base64(certificate.der().to_vec())],
            root: Base64(self.root().to_vec()),
            receipt_key: Base64(vec![7; 32]),
            mqtt: "localhost:8883".to_owned(),
            tenant: "maple".parse().unwrap(),
            store: "austin".parse().unwrap(),
            device: "box-1".parse().unwrap(),
            relay: RelayId([1; 16]),
        }
    }
}

struct Played {
    authority: Authority,
    polls: AtomicUsize,
    asked: std::sync::Mutex<Option<EnrolRequest>>,
    refuse: bool,
}

async fn ask(
    State(played): State<Arc<Played>>,
    Json(request): Json<EnrolRequest>,
) -> (StatusCode, Json<EnrolAsked>) {
    *played.asked.lock().unwrap() = Some(request);
    let asked = EnrolAsked {
        request: "r1".to_owned(),
        poll: Secret("secret".to_owned()),
        poll_seconds: 1,
    };
    (StatusCode::ACCEPTED, Json(asked))
}

/// Fails first, then waits, then decides.
async fn status(State(played): State<Arc<Played>>) -> Result<Json<EnrolStatus>, StatusCode> {
    match played.polls.fetch_add(1, Ordering::SeqCst) {
        0 => Err(StatusCode::BAD_GATEWAY),
        1 => Ok(Json(EnrolStatus::Waiting)),
        _ if played.refuse => Ok(Json(EnrolStatus::Refused {
            reason: "not ours".to_owned(),
        })),
        _ => {
            let csr = played.asked.lock().unwrap().clone().unwrap().csr;
            Ok(Json(EnrolStatus::Accepted(Box::new(
                played.authority.enrolled(&csr),
            ))))
        }
    }
}

async fn serve(authority: Authority, refuse: bool) -> SocketAddr {
    let tls = TlsAcceptor::from(authority.server());
    let played = Arc::new(Played {
        authority,
        polls: AtomicUsize::new(0),
        asked: Default::default(),
        refuse,
    });
    let routes = Router::new()
        .route("/enroll", post(ask))
        .route("/enroll/{request}", get(status))
        .with_state(played);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let (tls, routes) = (tls.clone(), routes.clone());
            tokio::spawn(async move {
                let Ok(stream) = tls.accept(tcp).await else { return };
                let service = TowerToHyperService::new(routes);
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

async fn enroll(dir: &Path, address: SocketAddr, code: &EnrolmentCode) -> anyhow::Result<(Enrolled, String)> {
    let relay = format!("https://localhost:{}", address.port());
    let mut groups = String::new();
    let enrolment = Enrolment {
        state_dir: dir,
        relay: &relay,
        code: &code.to_string(),
        patience: Duration::from_secs(30),
        clock: Clock::new(None, 0),
    };
    let enrolled = enrolment.run(|shown| groups = shown.to_owned()).await?;
    Ok((enrolled, groups))
}

#[tokio::test]
async fn an_accepted_device_keeps_its_key_private_and_its_identity() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let code = authority.code();
    let address = serve(authority, false).await;
    let (enrolled, groups) = enroll(dir.path(), address, &code).await.unwrap();
    assert_eq!(groups.split('-').count(), 6);
    assert_eq!(identity::read(dir.path()).unwrap(), Some(enrolled));
    let mode = std::fs::metadata(dir.path().join("device.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = enroll(dir.path(), address, &code).await.unwrap_err().to_string();
    assert!(again.contains("enrolled already, as device box-1"), "{again}");
}

#[tokio::test]
async fn a_relay_that_the_code_does_not_name_learns_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let address = serve(Authority::new(), false).await;
    let error = enroll(dir.path(), address, &Authority::new().code())
        .await
        .unwrap_err();
    assert!(
        format!("{error:#}").contains("not the one that the code names"),
        "{error:#}"
    );
    assert_eq!(identity::read(dir.path()).unwrap(), None);
}

#[tokio::test]
async fn a_refused_device_is_told_what_the_person_said() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let code = authority.code();
    let address = serve(authority, true).await;
    let error = enroll(dir.path(), address, &code).await.unwrap_err().to_string();
    assert_eq!(error, "a person refused this device: not ours");
    assert_eq!(identity::read(dir.path()).unwrap(), None);
}

#[test]
fn a_key_that_others_may_read_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    identity::DeviceKey::read_or_make(dir.path()).unwrap();
    let path = dir.path().join("device.key");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = identity::DeviceKey::read(dir.path()).unwrap_err().to_string();
    assert!(error.contains("has mode 644, wanted 600"), "{error}");
}
