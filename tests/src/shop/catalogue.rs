//! The retailer: stores with their taxes and registers, and what they sell.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A retailer.
#[derive(Debug, Clone)]
pub struct Shop {
    /// What the whole draw came from; printed by whoever fails.
    pub seed: u64,
    /// The tenant's name.
    pub tenant: String,
    /// Its stores.
    pub stores: Vec<Store>,
    /// What it sells. The last one is not known to Odoo.
    pub products: Vec<Product>,
}

/// One location.
#[derive(Debug, Clone)]
pub struct Store {
    /// Name in the configuration.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Heartland's number of the location.
    pub location_id: u64,
    /// IANA time zone.
    pub time_zone: &'static str,
    /// Standard-time hours from UTC, for the notes that a ticket carries.
    pub utc_hours: i32,
    /// The sales taxes that apply here.
    pub taxes: Vec<TaxRule>,
    /// Two tills.
    pub registers: Vec<Register>,
}

/// One tax.
#[derive(Debug, Clone)]
pub struct TaxRule {
    /// As the receipt prints it.
    pub name: String,
    /// 8.25 % is 82 500.
    pub rate_millionths: i64,
}

/// One till position.
#[derive(Debug, Clone)]
pub struct Register {
    /// Name in the configuration.
    pub id: String,
    /// Heartland's number of the station.
    pub station_id: u64,
    /// First ticket number; each register counts in its own range, as tills with a station prefix do.
    pub first_number: u64,
    /// How its payment terminal is connected.
    pub terminal: TerminalLine,
}

/// How a terminal is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminalLine {
    /// Over the store's network.
    Tcp,
    /// Over a serial cable.
    Serial,
    /// Over the store's network, and it speaks PAX.
    Pax,
    /// Over the store's network, and it speaks HPA.
    Hpa,
}

/// Something to sell.
#[derive(Debug, Clone)]
pub struct Product {
    /// The item number on the shelf, Odoo's `default_code`.
    pub sku: String,
    /// Heartland's number of the item.
    pub item_id: u64,
    /// What the receipt prints.
    pub description: String,
    /// Price in cents.
    pub price: i64,
    /// Cost in cents.
    pub cost: i64,
    /// False for the one item that nobody entered in Odoo.
    pub in_odoo: bool,
}

struct Place {
    name: &'static str,
    time_zone: &'static str,
    utc_hours: i32,
    taxes: &'static [(&'static str, i64)],
}

const PLACES: &[Place] = &[
    Place {
        name: "Austin",
        time_zone: "America/Chicago",
        utc_hours: -6,
        taxes: &[("TX State", 62_500), ("Austin City", 20_000)],
    },
    Place {
        name: "Denver",
        time_zone: "America/Denver",
        utc_hours: -7,
        taxes: &[("CO State", 29_000), ("Denver City", 51_500)],
    },
    Place {
        name: "Phoenix",
        time_zone: "America/Phoenix",
        utc_hours: -7,
        taxes: &[("AZ State", 56_000), ("Phoenix City", 30_000)],
    },
    Place {
        name: "Boston",
        time_zone: "America/New_York",
        utc_hours: -5,
        taxes: &[("MA State", 62_500)],
    },
    Place {
        name: "Portland",
        time_zone: "America/Los_Angeles",
        utc_hours: -8,
        taxes: &[],
    },
];

const GOODS: &[(&str, &str)] = &[
    ("SHIRT", "Oxford shirt"),
    ("SOCK", "Crew socks, 3 pack"),
    ("JEAN", "Straight jeans"),
    ("CAP", "Wool cap"),
    ("BELT", "Leather belt"),
    ("BAG", "Canvas bag"),
    ("MUG", "Enamel mug"),
    ("SCARF", "Merino scarf"),
];

const VARIANTS: &[(&str, &str)] = &[("BLU", "Blue"), ("BLK", "Black"), ("GRN", "Green")];

impl Shop {
    /// A retailer with `stores` stores of two registers each.
    #[must_use]
    pub fn new(seed: u64, tenant: &str, stores: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            seed,
            tenant: tenant.to_owned(),
            stores: (0..stores).map(store).collect(),
            products: products(&mut rng),
        }
    }

    /// The item that nobody entered in Odoo.
    #[must_use]
    pub fn unknown(&self) -> usize {
        self.products.len() - 1
    }

    /// How many of the products Odoo knows.
    #[must_use]
    pub fn known(&self) -> usize {
        self.products.len() - 1
    }
}

fn store(index: usize) -> Store {
    let place = &PLACES[index % PLACES.len()];
    let number = index as u64 + 1;
    let tax = |&(name, rate_millionths): &(&str, i64)| TaxRule {
        name: name.to_owned(),
        rate_millionths,
    };
    Store {
        id: format!("store-{number}"),
        name: if index < PLACES.len() {
            place.name.to_owned()
        } else {
            format!("{} {number}", place.name)
        },
        location_id: 100_000 + number,
        time_zone: place.time_zone,
        utc_hours: place.utc_hours,
        taxes: place.taxes.iter().map(tax).collect(),
        registers: (1..=2).map(|r| register(number, r)).collect(),
    }
}

fn register(store: u64, number: u64) -> Register {
    Register {
        id: format!("r{number}"),
        station_id: 200_000 + store * 10 + number,
        first_number: (store * 10 + number) * 10_000 + 1,
        // one store has the older, serial kind, and one the two that speak otherwise
        terminal: match (store, number) {
            (2, _) => TerminalLine::Serial,
            (3, 1) => TerminalLine::Pax,
            (3, _) => TerminalLine::Hpa,
            _ => TerminalLine::Tcp,
        },
    }
}

fn products(rng: &mut ChaCha8Rng) -> Vec<Product> {
    let mut products = Vec::new();
    for (code, name) in GOODS {
        for (suffix, colour) in VARIANTS {
            let price = rng.random_range(4..=120) * 50 - if rng.random_bool(0.5) { 1 } else { 0 };
            products.push(Product {
                sku: format!("{code}-{suffix}"),
                item_id: 110_000 + products.len() as u64,
                description: format!("{name} - {colour}"),
                price,
                cost: price * 2 / 5,
                in_odoo: true,
            });
        }
    }
    products.push(Product {
        sku: "POPUP-TEE".into(),
        item_id: 119_999,
        description: "Pop-up tee".into(),
        price: 1800,
        cost: 700,
        in_odoo: false,
    });
    products
}
