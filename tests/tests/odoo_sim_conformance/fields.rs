//! `fields_get`: what real servers said of each field, against what the simulator says of those it has.

use super::{Vector, vectors};
use serde_json::{Map, Value, json};
use tillwire_e2e::odoo_sim::{OdooSim, OdooVersion};

/// Real servers have more fields than a connector has use for; of each model this share must be there at least.
const SHARE: usize = 3;

fn compare(
    sim: &OdooSim,
    model: &str,
    recorded: &Map<String, Value>,
    wrong: &mut Vec<String>,
) -> (usize, usize) {
    let ours = sim.hands(|h| h.call(model, "fields_get", &json!([])));
    let Ok(Value::Object(ours)) = ours else {
        return (0, recorded.len());
    };
    for (field, about) in &ours {
        let Some(real) = recorded.get(field) else {
            wrong.push(format!("{model}.{field} is not on a real server"));
            continue;
        };
        for key in ["type", "required", "readonly", "store", "relation", "selection"] {
            if about.get(key) != real.get(key) && !is_near(key, about, real) {
                wrong.push(format!(
                    "{model}.{field} {key}: {} instead of {}",
                    about[key], real[key]
                ));
            }
        }
    }
    (ours.len(), recorded.len())
}

/// Where the simulator is coarser: long texts, data of screens, and selections that it does not list.
fn is_near(key: &str, ours: &Value, real: &Value) -> bool {
    match key {
        "type" => {
            let kinds = |v: &Value| v["type"].as_str().unwrap_or("").to_owned();
            matches!(
                (kinds(ours).as_str(), kinds(real).as_str()),
                ("text", "html")
                    | ("char", "selection")
                    | ("json", "binary" | "properties" | "properties_definition")
            )
        }
        "selection" => ours[key].as_array().is_none_or(Vec::is_empty),
        _ => false,
    }
}

#[tokio::test]
async fn fields_are_those_of_real_servers() {
    for version in OdooVersion::ALL {
        let sim = OdooSim::start(version).await.unwrap();
        let described: Vec<Vector> = vectors(version)
            .into_iter()
            .filter(|v| v.fields.is_some())
            .collect();
        assert_eq!(described.len(), 1, "{version}");
        let mut wrong = Vec::new();
        for (model, recorded) in described[0].fields.as_ref().unwrap().as_object().unwrap() {
            let (have, all) = compare(&sim, model, recorded.as_object().unwrap(), &mut wrong);
            println!("Odoo {version} {model:20} {have} of {all} fields");
            assert!(
                have * SHARE >= all || have == 0,
                "{version} {model}: {have} of {all} fields"
            );
        }
        assert!(wrong.is_empty(), "{version}: {}", wrong.join("\n"));
    }
}
