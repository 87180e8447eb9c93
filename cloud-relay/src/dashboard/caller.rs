//! Who calls: the address by which attempts are counted and the log names strangers.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;

/// The address at the other end, as the listener saw it; behind a proxy on this machine, as that one did. Only the last
/// address of `X-Forwarded-For` is the proxy's own word, what stands before it is the caller's.
pub(super) fn address(parts: &Parts) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let forwarded = || {
        let last = parts.headers.get_all(FORWARDED_FOR).iter().next_back()?;
        let last = last.to_str().ok()?.rsplit(',').next()?.trim();
        let address = last.parse().ok();
        address.or_else(|| last.parse().ok().map(|address: SocketAddr| address.ip()))
    };
    let is_local = peer.ip().to_canonical().is_loopback();
    is_local.then(forwarded).flatten().or(Some(peer.ip()))
}

/// What proxies write the caller's address into.
const FORWARDED_FOR: &str = "x-forwarded-for";

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn caller_behind_a_proxy_of_this_machine_is_told_by_its_own_address_and_by_nobody_elses_word() {
        for (from, forwarded, wanted) in [
            ("192.0.2.7", None, "192.0.2.7"),
            ("192.0.2.7", Some("198.51.100.1"), "192.0.2.7"),
            ("127.0.0.1", None, "127.0.0.1"),
            ("127.0.0.1", Some("198.51.100.1"), "198.51.100.1"),
            ("127.0.0.1", Some("203.0.113.9, 198.51.100.1"), "198.51.100.1"),
            ("::1", Some("2001:db8::1"), "2001:db8::1"),
            ("127.0.0.1", Some("198.51.100.1:4711"), "198.51.100.1"),
            ("127.0.0.1", Some("somebody"), "127.0.0.1"),
        ] {
            let mut request = Request::get("/login");
            if let Some(forwarded) = forwarded {
                request = request.header(FORWARDED_FOR, forwarded);
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            let peer = SocketAddr::new(from.parse().unwrap(), 40_000);
            parts.extensions.insert(ConnectInfo(peer));
            let wanted: IpAddr = wanted.parse().unwrap();
            assert_eq!(address(&parts), Some(wanted), "{from} {forwarded:?}");
        }
    }
}
