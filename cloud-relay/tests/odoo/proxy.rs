//! A line to Odoo that loses every third answer after Odoo has done its work, and every seventh request before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// The address of the line. `url` is plain http to this machine.
pub(crate) async fn unreliable(url: &str) -> String {
    let target = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((till, _)) = listener.accept().await {
            let number = count.fetch_add(1, Ordering::Relaxed) + 1;
            tokio::spawn(carry(till, target.clone(), number));
        }
    });
    here
}

async fn carry(mut relay: TcpStream, target: String, number: usize) {
    if number.is_multiple_of(7) {
        return;
    }
    let Ok(mut odoo) = TcpStream::connect(target).await else {
        return;
    };
    let (mut from_relay, mut to_relay) = relay.split();
    let (mut from_odoo, mut to_odoo) = odoo.split();
    let mut answer = Vec::new();
    // Odoo closes after its answer, which ends both directions
    tokio::select! {
        _ = async {
            let mut chunk = vec![0; 65_536];
            while let Ok(count) = from_relay.read(&mut chunk).await {
                if count == 0 || to_odoo.write_all(&chunk[..count]).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await;
        } => {}
        _ = from_odoo.read_to_end(&mut answer) => {}
    }
    if !number.is_multiple_of(3) {
        let _ = to_relay.write_all(&answer).await;
    }
}
