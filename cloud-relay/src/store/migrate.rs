//! Brings a database to this version's form: numbered steps, each in its own transaction, never edited once released.

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, TransactionBehavior};

const STEPS: &[(&str, &str)] = &[
    ("0001_records", include_str!("migrations/0001_records.sql")),
    ("0002_books", include_str!("migrations/0002_books.sql")),
    ("0003_parts", include_str!("migrations/0003_parts.sql")),
    ("0004_settlement", include_str!("migrations/0004_settlement.sql")),
    ("0005_mappings", include_str!("migrations/0005_mappings.sql")),
    ("0006_stock", include_str!("migrations/0006_stock.sql")),
    ("0007_names", include_str!("migrations/0007_names.sql")),
    ("0008_cloud", include_str!("migrations/0008_cloud.sql")),
    (
        "0009_audit_chain",
        include_str!("migrations/0009_audit_chain.sql"),
    ),
    ("0010_people", include_str!("migrations/0010_people.sql")),
    ("0011_tokens", include_str!("migrations/0011_tokens.sql")),
    ("0012_shape", include_str!("migrations/0012_shape.sql")),
    ("0013_alerts", include_str!("migrations/0013_alerts.sql")),
    ("0014_fuel", include_str!("migrations/0014_fuel.sql")),
    (
        "0015_cloud_checks",
        include_str!("migrations/0015_cloud_checks.sql"),
    ),
    ("0016_bundles", include_str!("migrations/0016_bundles.sql")),
];

/// Runs the steps that the database does not have yet.
///
/// # Errors
/// When a step fails (it is then taken back), or the database is from a newer version.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    let at = position(connection)?;
    if at > STEPS.len() {
        bail!(
            "the database is at form {at}, this program knows up to {}; use the newer program",
            STEPS.len()
        );
    }
    for (number, (name, sql)) in STEPS.iter().enumerate().skip(at) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // another process may have been quicker
        if position(&transaction)? > number {
            continue;
        }
        transaction
            .execute_batch(sql)
            .with_context(|| format!("step {name}"))?;
        transaction.pragma_update(None, "user_version", number + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

fn position(connection: &Connection) -> rusqlite::Result<usize> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_run_once_and_newer_forms_are_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(position(&connection).unwrap(), STEPS.len());
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(
            migrate(&mut connection)
                .unwrap_err()
                .to_string()
                .contains("use the newer program")
        );
    }
}
