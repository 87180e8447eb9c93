//! The file that `tillwire-relay init` writes: every value with its words, ready to be filled in.

/// A complete configuration for one store. A test reads it.
pub const EXAMPLE: &str = r#"# Tillwire relay. `tillwire-relay config show` prints every value and where it came from;
# each can also be set by a variable: mqtt.listen by TILLWIRE_MQTT_LISTEN, and so on.

# Folder of the database, the keys and the certificates. Back it up.
state_dir = "/var/lib/tillwire-relay"

# Versions of the mapping, each from a business day on, laid over the stores' own [store.odoo.accounts] tables below;
# see `tillwire-relay mapping --help`.
# mapping_file = "/etc/tillwire/mapping.toml"

[mqtt]
listen = "0.0.0.0:8883"            # where devices connect, by mutual TLS
address = "relay.example:8883"     # what devices are told to connect to
names = "relay.example"            # names in the relay's certificate, with commas between

# [broker]                         # an MQTT broker of others, between devices and this relay: `tillwire-relay broker prepare`
# address = "mqtt.example:8883"

[enrol]
listen = "0.0.0.0:8443"            # where a new box brings its one-time code

[http]
listen = "127.0.0.1:8080"          # pages and /metrics; behind a proxy with TLS, or anywhere with the two files below
# certificate_file = "/etc/tillwire/pages.pem"
# certificate_key_file = "/etc/tillwire/pages.key"
# login = false                    # without it the pages show everything to whoever reaches them, and nothing can be done there

[odoo]                             # leave out for a relay that only receives and shows
url = "https://odoo.example"
database = "production"
login = "tillwire@example.com"     # a user with the rights that `tillwire-relay doctor` asks for, and no more
key_file = "/etc/tillwire/odoo.key"

# [alerts]                         # exceptions that open, go away or come back, as signed webhooks
# url = "https://alerts.example/tillwire"
# secret_file = "/etc/tillwire/alerts.secret"

[stock]
every_s = 30                       # stock moves at least so often while something was sold
lines = 100                        # or as soon as so many products wait in one store

# [[heartland]]                    # the retailer's account at Heartland Retail, as a witness beside the tills
# tenant = "acme"
# url = "https://acme.retail.heartland.us"
# token_file = "/etc/tillwire/heartland.token"
# oauth = { client_id = "…", client_secret_file = "/etc/tillwire/heartland.app", redirect_uri = "https://…", scope = "…" }
#                                  # `tillwire-relay heartland authorize acme` then writes token_file
# checks = ["payments", "inventory"]  # each payment stands on a ticket; what the POS's own stock has, beside Odoo's
# hook_secret_file = "/etc/tillwire/heartland.hook"  # webhooks then arrive at http.listen under /hooks/heartland/SECRET
# reads = ["tickets"]              # "orders" where the account has the newer interface (POS v2), both while it is moved
# every_s = 15                     # between two rounds of questions
# asks_per_s = 2                   # never more often
# overlap_s = 300                  # how far each round goes back behind the last one
# reread_days = 3                  # read again once a day
# [[heartland.store]]
# store = "main-street"
# location_ids = ["100004"]
# registers = { r1 = ["100011"], r2 = ["100012"] }  # orders: the stations' ids of the newer interface
# tenders = { "7" = "gift-card" }

[[store]]
tenant = "acme"
store = "main-street"
name = "Main Street"
time_zone = "America/Chicago"
currency = "USD"
registers = ["r1", "r2"]
# merchants = ["101023947262"]     # the processor's numbers of this store, as its settlement reports name them
cut_off = "04:00"                  # when the previous business day ends
# trading = { hours = { daily = "09:00-21:00", sunday = "closed" }, closed = ["2026-12-25"] }
# close = { after-grace = 60 }     # or { required = 60 }: minutes after the cut-off
# ticket_sequence = "per-register" # or "per-store", "none"
# ticket_without_terminal = "accept"  # or "hold"
# opening_float = "200.00"
# over_short_limit = "5.00"

[store.odoo]
company = "Acme Inc."
journal = "TILL"
warehouse = "WH"
# mode = "summary-entry"           # or "summary-invoice", "customer-invoice"
# corrections = "difference"       # or "reverse-and-replace"
# late = "next-open-day"           # or "hold": a posting of a locked day waits for a signature

# [store.odoo.invoices]            # for the two modes that make invoices
# journal = "INV"                  # of type Sales
# receivable = "121000"
# summary_partner = "WALK-IN"      # internal reference of the contact of summary invoices
# walk_in = ["1"]                  # the POS's ids of customers who stand for nobody
# partners = { "1001" = "ACME" }   # customers who are contacts already, by internal reference

[store.odoo.accounts]
revenue = "400000"
gift_card = "230000"               # what a sold gift card makes you owe
tip = "231000"
cash_over = "442000"
cash_short = "642000"
safe = "101402"
# discount = "409000"              # without it, revenue is booked net of discounts
# suspense = "199999"              # without it, a ticket with an unmapped tender or tax is held

[store.odoo.accounts.tender]
cash = "101501"
card = "101701"
# "card.amex" = "101702"
check = "101601"

[store.odoo.accounts.tax]
"Sales Tax" = "251000"
# "Sales Tax@0.0825" = { account = "251000", odoo_tax = "8.25%" }

# [store.odoo.accounts.settlement]  # where deposits, fees and disputes go; needed where settlement is imported
# bank = "101403"
# fee = "620000"
# chargeback = "121500"
# reserve = "101404"

[store.odoo.accounts.paid_in]
default = "490000"

[store.odoo.accounts.paid_out]
default = "690000"
"#;
