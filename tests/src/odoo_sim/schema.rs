//! Models and their fields per version, read from `fields.tsv`, which was made from `fields_get` of real servers.

use super::version::OdooVersion;
use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

const TABLE: &str = include_str!("fields.tsv");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Char,
    Text,
    Int,
    Float,
    Money,
    Bool,
    Date,
    Time,
    Selection,
    Many2one,
    One2many,
    Many2many,
    Opaque,
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) readonly: bool,
    pub(crate) stored: bool,
    /// The other model of a relation, or `key=Label|key=Label` of a selection.
    pub(crate) extra: &'static str,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) fields: BTreeMap<&'static str, Field>,
}

#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) models: HashMap<&'static str, Model>,
}

impl Field {
    pub(crate) fn selection(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.extra.split('|').filter_map(|pair| pair.split_once('='))
    }

    /// What `fields_get` calls the type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Char => "char",
            Kind::Text => "text",
            Kind::Int => "integer",
            Kind::Float => "float",
            Kind::Money => "monetary",
            Kind::Bool => "boolean",
            Kind::Date => "date",
            Kind::Time => "datetime",
            Kind::Selection => "selection",
            Kind::Many2one => "many2one",
            Kind::One2many => "one2many",
            Kind::Many2many => "many2many",
            Kind::Opaque => "json",
        }
    }

    pub(crate) fn is_relation(&self) -> bool {
        matches!(self.kind, Kind::Many2one | Kind::One2many | Kind::Many2many)
    }

    /// A readable label: the screen's own where an error text needs it, else made from the name.
    pub(crate) fn label(&self) -> String {
        match self.name {
            "line_ids" | "invoice_line_ids" => return "Journal Items".into(),
            "move_type" => return "Type".into(),
            _ => {}
        }
        let base = self
            .name
            .trim_end_matches("_ids")
            .trim_end_matches("_id")
            .replace('_', " ");
        let mut chars = base.chars();
        chars.next().map_or_else(String::new, |c| {
            c.to_uppercase().collect::<String>() + chars.as_str()
        })
    }
}

fn kind_of(code: &str) -> Kind {
    match code {
        "char" => Kind::Char,
        "text" | "html" => Kind::Text,
        "int" => Kind::Int,
        "float" => Kind::Float,
        "money" => Kind::Money,
        "bool" => Kind::Bool,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "sel" => Kind::Selection,
        "m2o" => Kind::Many2one,
        "o2m" => Kind::One2many,
        "m2m" => Kind::Many2many,
        _ => Kind::Opaque,
    }
}

impl Schema {
    /// The fields of one version, parsed once per process.
    pub(crate) fn of(version: OdooVersion) -> &'static Self {
        static ALL: [OnceLock<Schema>; 3] = [OnceLock::new(), OnceLock::new(), OnceLock::new()];
        let slot = match version {
            OdooVersion::V17 => 0,
            OdooVersion::V18 => 1,
            OdooVersion::V19 => 2,
        };
        ALL[slot].get_or_init(|| Self::parse(version))
    }

    fn parse(version: OdooVersion) -> Self {
        let mut models: HashMap<&'static str, Model> = HashMap::new();
        for line in TABLE.lines().filter(|l| !l.starts_with('#') && !l.is_empty()) {
            let mut cells = line.split('\t');
            let mut cell = || cells.next().unwrap_or("");
            let (model, name, kind, flags, versions, extra) =
                (cell(), cell(), cell(), cell(), cell(), cell());
            if !versions.contains(version.digit()) {
                continue;
            }
            let entry = models.entry(model).or_insert_with(|| Model {
                name: model,
                fields: common_fields(),
            });
            entry.fields.insert(
                name,
                Field {
                    name,
                    kind: kind_of(kind),
                    required: flags.contains('q'),
                    readonly: flags.contains('r'),
                    stored: flags.contains('s'),
                    extra,
                },
            );
        }
        Self { models }
    }
}

/// Fields that every model has.
fn common_fields() -> BTreeMap<&'static str, Field> {
    let field = |name, kind, extra| Field {
        name,
        kind,
        required: false,
        readonly: true,
        stored: name != "display_name",
        extra,
    };
    [
        field("id", Kind::Int, ""),
        field("display_name", Kind::Char, ""),
        field("create_date", Kind::Time, ""),
        field("write_date", Kind::Time, ""),
        field("create_uid", Kind::Many2one, "res.users"),
        field("write_uid", Kind::Many2one, "res.users"),
    ]
    .into_iter()
    .map(|f| (f.name, f))
    .collect()
}

/// Which field of the other model points back, for the one2many fields that the simulator keeps.
pub(crate) fn inverse(model: &str, field: &str) -> Option<(&'static str, &'static str)> {
    Some(match (model, field) {
        ("account.move", "line_ids" | "invoice_line_ids") => ("account.move.line", "move_id"),
        ("account.move", "reversal_move_id" | "reversal_move_ids") => ("account.move", "reversed_entry_id"),
        (
            "account.tax",
            "invoice_repartition_line_ids" | "refund_repartition_line_ids" | "repartition_line_ids",
        ) => ("account.tax.repartition.line", "tax_id"),
        ("account.journal", "inbound_payment_method_line_ids" | "outbound_payment_method_line_ids") => {
            ("account.payment.method.line", "journal_id")
        }
        ("account.move.line", "matched_debit_ids") => ("account.partial.reconcile", "credit_move_id"),
        ("account.move.line", "matched_credit_ids") => ("account.partial.reconcile", "debit_move_id"),
        ("account.full.reconcile", "partial_reconcile_ids") => {
            ("account.partial.reconcile", "full_reconcile_id")
        }
        ("account.full.reconcile", "reconciled_line_ids") => ("account.move.line", "full_reconcile_id"),
        ("stock.picking", "move_ids" | "move_ids_without_package") => ("stock.move", "picking_id"),
        ("stock.picking", "move_line_ids") => ("stock.move.line", "picking_id"),
        ("stock.picking", "backorder_ids") => ("stock.picking", "backorder_id"),
        ("stock.move", "move_line_ids") => ("stock.move.line", "move_id"),
        ("sale.order", "order_line") => ("sale.order.line", "order_id"),
        ("mrp.bom", "bom_line_ids") => ("mrp.bom.line", "bom_id"),
        ("stock.location", "child_ids") => ("stock.location", "location_id"),
        ("product.template", "product_variant_ids") => ("product.product", "product_tmpl_id"),
        ("product.product", "stock_quant_ids") => ("stock.quant", "product_id"),
        ("stock.return.picking", "product_return_moves") => ("stock.return.picking.line", "wizard_id"),
        ("res.partner", "child_ids") => ("res.partner", "parent_id"),
        _ => return None,
    })
}
