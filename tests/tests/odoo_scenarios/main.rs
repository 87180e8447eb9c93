//! What the relay promises about Odoo, as scenarios that run the same against the simulator and against a real server.
//!
//! Against the simulator (17, 18 and 19) each scenario is a test of its own and runs with every `cargo test`. Against a
//! real server, which may be written to and which nobody's books depend on:
//!
//! ```console
//! $ TILLWIRE_ODOO_URL=http://127.0.0.1:8069 TILLWIRE_ODOO_DB=scratch TILLWIRE_ODOO_KEY=… \
//!     cargo test -p tillwire-e2e --test odoo_scenarios -- --ignored real_odoo
//! ```
//!
//! The key is an administrator's (`TILLWIRE_ODOO_LOGIN`, else `admin`); `TILLWIRE_SCENARIO=lock` runs only scenarios
//! with that in their name. Everything that scenarios need is made under external ids of their own
//! (`tillwire_real.…`): accounts, a journal, a warehouse, a tax and goods in each of the first two companies that have
//! a chart of accounts, and two users, of whom one may bill and move stock and the other may only look. A report says
//! at the end what each scenario did in each company.
//!
//! To add a scenario write an `async fn name(ground: Ground)` that asserts what must be true afterwards, and name it in
//! the list below. [`Ground`] has the company and its codes, [`desk::Desk`] a relay's database with a poster, and
//! [`line::Line`] a line between the two that loses what it is told to lose. A ground may hold what earlier scenarios
//! left: take numbers from [`Ground::fresh`], and look at own records only. What a version does in its own way is worth
//! a [`Ground::note`], which the report shows.
#![allow(clippy::unwrap_used, reason = "a scenario stops where it is surprised")]
#![allow(
    clippy::print_stdout,
    reason = "a scenario that fails says in which version and company"
)]

mod access;
mod broken;
mod desk;
mod edits;
mod ground;
mod invoices;
mod line;
mod locks;
mod looks;
mod postings;
mod records;
mod report;
mod server;
mod stock;
mod taxes;
mod web;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ground::Ground;

/// One scenario.
#[derive(Debug, Clone, Copy)]
struct Scenario {
    name: &'static str,
    run: fn(Ground) -> BoxFuture<'static, ()>,
}

macro_rules! scenarios {
    ($($file:ident::$name:ident,)*) => {
        /// Every scenario, in the order in which a real server meets them.
        const ALL: &[Scenario] = &[$(Scenario {
            name: stringify!($name),
            run: |ground| $file::$name(ground).boxed(),
        }),*];

        mod simulated {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let of_name = |scenario: &&super::Scenario| scenario.name == stringify!($name);
                super::report::on_simulators(super::ALL.iter().find(of_name).unwrap()).await;
            })*
        }
    };
}

scenarios! {
    looks::preflight_has_nothing_to_mend,
    looks::preflight_runs_before_the_first_post_and_after_an_outage,
    looks::preflight_names_what_the_mapping_names_and_odoo_lacks,
    looks::preflight_names_goods_sold_lately_that_cannot_move,
    looks::preflight_tells_a_lock_with_what_it_means,
    looks::preflight_names_rights_that_are_missing_and_rights_too_many,
    postings::a_day_is_posted_once_and_read_back,
    postings::nothing_is_made_twice_when_answers_are_lost_after_the_commit,
    postings::parallel_posters_make_one_entry,
    taxes::a_tax_is_told_to_odoo_and_keeps_its_cents,
    invoices::a_days_invoice_is_paid_by_its_entry_and_reversed_and_replaced_once,
    stock::goods_leave_and_come_back_once,
    stock::goods_with_lots_wait_for_a_person_and_hold_up_nothing,
    locks::a_lock_date_set_before_the_entry_is_made_moves_it_and_is_told,
    locks::a_lock_date_set_between_making_and_posting_is_told,
    edits::an_entry_edited_after_posting_is_found,
    access::a_user_who_may_only_look_posts_nothing,
    access::a_wrong_key_posts_nothing_and_goes_on_when_it_is_right,
    broken::an_unbalanced_day_never_leaves_and_other_stores_go_on,
    broken::an_unknown_account_is_named_and_posted_to_once_it_is_there,
    broken::an_archived_product_is_named_and_what_left_the_shelf_still_leaves,
    broken::a_company_without_a_chart_of_accounts_waits_for_one,
    broken::a_user_who_is_not_in_one_company_posts_in_the_other,
    broken::an_expired_key_is_named_and_a_new_one_goes_on,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a real Odoo that may be written to; see the head of this file"]
async fn real_odoo() {
    report::on_a_real_server().await;
}
