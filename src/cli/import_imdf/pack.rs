//! The pack around an imported map: just enough that it can be served at once.
//!
//! It answers where the nearest place of each category is. A venue's people replace all of it; the map stays. Messages are
//! in English, whatever the language of the map. Deliberately absent: anything that the map does not say.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use nextbest_venue::imdf::Imported;

/// The files of the pack beside its map: path and text.
pub(super) fn files(id: &str, imported: &Imported) -> Vec<(String, String)> {
    let venue = &imported.venue;
    let about = format!(
        "# Imported from an IMDF archive; IMPORT.md says what was left out, changed and assumed.\n\n\
         id = {id:?}\nname = {:?}\ndefault_locale = \"en\"\nlocales = [\"en\"]\nchannels = [\"mobile\"]\n",
        venue.name.replace(char::is_control, " ")
    );
    let settings = "[engine]\nconsent_default = [\"service\", \"location\"]\n\n\
                    [limits]\ncustomers_max = 50_000\ntags_max = 8_192\nmemory_mib = 512\n";
    [
        ("pack.toml", about),
        ("settings.toml", settings.to_owned()),
        ("journey.toml", journey(imported)),
        ("actions.toml", actions(imported)),
        ("messages/en.ftl", MESSAGES.to_owned()),
    ]
    .map(|(path, text)| (path.to_owned(), text))
    .to_vec()
}

/// A visit begins in the largest zone that a hub sees, or when an app says so, and ends when an app says so.
fn journey(imported: &Imported) -> String {
    let venue = &imported.venue;
    let seen = venue
        .hubs
        .iter()
        .flat_map(|hub| &hub.zones)
        .filter_map(|zone| venue.zones.get(zone.index()));
    let largest = seen.max_by(|a, b| a.area.area_m2().total_cmp(&b.area.area_m2()));
    let begins = largest.map_or("event = \"Visit Started\"".to_owned(), |zone| {
        format!("zone_category = {:?}", zone.category)
    });
    format!(
        "# A visit has a beginning and an end.\n\n[[event]]\nname = \"Visit Started\"\n\n\
         [[event]]\nname = \"Visit Ended\"\n\n\
         [[stage]]\nid = \"reach\"\n\n[[stage]]\nid = \"acquisition\"\n\n\
         [[transition]]\nfrom = \"reach\"\nto = \"acquisition\"\n{begins}\n\n\
         [[transition]]\nfrom = \"acquisition\"\nto = \"reach\"\nevent = \"Visit Ended\"\n"
    )
}

fn actions(imported: &Imported) -> String {
    let mut text = "# The nearest place of each category, and a word for those who ask for nothing.\n\n\
                    [[issue]]\nid = \"wayfinding\"\npurpose = \"service\"\n\n\
                    [[group]]\nid = \"ways\"\nissue = \"wayfinding\"\n\n\
                    [[action]]\nid = \"welcome\"\ngroup = \"ways\"\npropensity = 0.1\nvalue = 1\n\
                    treatment = [{ id = \"phone\", channel = \"mobile\", message = \"welcome\" }]\n"
        .to_owned();
    let categories: BTreeSet<&str> = imported
        .venue
        .places
        .iter()
        .map(|place| place.category.as_str())
        .collect();
    for category in categories {
        let id = category.replace('_', "-");
        let _ = write!(
            text,
            "\n[[action]]\nid = \"nearest-{id}\"\ngroup = \"ways\"\nwants = [{category:?}]\n\
             places = {{ category = {category:?} }}\npropensity = 0.3\nvalue = 10\n\
             treatment = [{{ id = \"phone\", channel = \"mobile\", message = \"nearest\", \
             message_without_place = \"ask\" }}]\n"
        );
    }
    text
}

const MESSAGES: &str = "# What the venue says, in English.

walk = { $walk ->
    [one] a minute away
   *[other] { $walk } minutes away
}

nearest = { $place }, { $level }: { walk }.
ask = Ask anybody at the information.
welcome = Welcome. Ask for what you are looking for.
";
