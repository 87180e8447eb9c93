//! Stories of the whole line, each its own file named as the fact that it shows. One program, so that it links once.
#![allow(clippy::unwrap_used, reason = "a story stops where it is surprised")]
#![allow(clippy::print_stdout, reason = "a random story says its seed")]

mod any_call_to_a_disk_may_fail;
mod bad_input_harms_nobody;
mod box_loses_its_power_again_and_again;
mod broker_is_killed_wiped_and_swapped;
mod card_data_leaves_no_trace;
mod cloud_is_a_witness_beside_the_till;
mod disk_full_and_freed;
mod disk_keeps_what_was_synced;
mod invoices_have_the_same_cents;
mod kill_any_process_any_time;
mod late_sale_revises_a_posted_day;
mod link_is_away_all_night;
mod odoo_accepts_but_answer_is_lost;
mod one_undecodable_record_does_not_stop_a_store;
mod random_days;
mod receipt_paper_is_a_witness_of_the_ticket;
mod relay_restored_from_an_old_copy;
mod return_and_void;
mod sale_seen_by_ticket_and_terminal_counts_once;
mod sale_survives_power_cut_before_receipt;
mod some_tickets_come_as_files;
mod story;
mod ticket_pushed_by_another_program_counts_once;
mod till_clock_is_a_year_wrong;
mod unknown_sku_and_tender_reach_the_exception_queue;
