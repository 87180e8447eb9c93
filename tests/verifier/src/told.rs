//! What a day's tickets add up to as the tills told them: the totals that an export ends with.

use std::collections::BTreeMap;

use tillwire_proto::{
    Amount, BusinessDay, BusinessKey, Currency, Fact, MoneyError, StoreId, Tally, Transaction,
    decode_observation,
};

/// The day's tickets as told, each once: the newest revision, the first content.
#[derive(Debug)]
pub struct Told {
    store: StoreId,
    pub(crate) day: BusinessDay,
    /// Records looked at.
    pub records: u64,
    tickets: BTreeMap<BusinessKey, Transaction>,
}

/// What tickets add up to.
#[derive(Debug)]
pub struct Sums {
    /// Sales, returns and exchanges.
    pub trades: u64,
    /// Lines after discounts, per currency.
    pub net: BTreeMap<String, String>,
    /// Taxes, per currency.
    pub tax: BTreeMap<String, String>,
}

impl Told {
    /// Nothing yet.
    #[must_use]
    pub fn new(store: &StoreId, day: BusinessDay) -> Self {
        Self {
            store: store.clone(),
            day,
            records: 0,
            tickets: BTreeMap::new(),
        }
    }

    /// Looks at one record.
    pub fn add(&mut self, body: &[u8]) {
        self.records += 1;
        if let Ok(observation) = decode_observation(body)
            && let Fact::Transaction(transaction) = observation.fact
            && transaction.key.store == self.store
            && transaction.key.day == self.day
        {
            self.tickets
                .entry(transaction.key.clone())
                .or_insert(*transaction);
        }
    }

    /// What they add up to.
    ///
    /// # Errors
    /// [`MoneyError`] on sums beyond 64 bits.
    pub fn sums(&self) -> Result<Sums, MoneyError> {
        let mut newest: BTreeMap<BusinessKey, &Transaction> = BTreeMap::new();
        for (key, transaction) in &self.tickets {
            // keys are in order of revision, so that a later one takes the place of an earlier
            newest.insert(
                BusinessKey {
                    revision: 0,
                    ..key.clone()
                },
                transaction,
            );
        }
        let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
        for transaction in newest.into_values() {
            let currency: Currency = transaction.currency;
            tallies
                .entry(currency.code())
                .or_insert_with(|| Tally::new(currency))
                .add(transaction)?;
        }
        let sums = |of: fn(&Tally) -> Amount| {
            tallies
                .iter()
                .map(|(code, tally)| ((*code).to_owned(), of(tally).decimal()))
                .collect()
        };
        Ok(Sums {
            trades: tallies.values().map(|tally| tally.trades).sum(),
            net: sums(|tally| tally.net),
            tax: sums(|tally| tally.tax),
        })
    }
}
