//! Who may do what at the admin listener: every route with every role, with no token, with somebody else's, and with
//! bodies that ask for more than the role allows.
//!
//! The table in `serve::admin::routes` is what answers; the table here says it again, written by hand, so that a right
//! that is given by mistake fails here.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "a test stops at the first surprise, and looks into what was recorded under a lock"
)]

#[expect(dead_code, reason = "this test uses a part of the house")]
mod house;
#[path = "house/staff.rs"]
mod staff;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use house::{House, acknowledged, heard};
use nextbest::serve::GatewaySettings;
use nextbest::serve::access::admin_tokens::AdminRole;
use nextbest::serve::access::changes::{make_admin_token, revoke_admin_token};
use nextbest::serve::admin::audit::{Audit, AuditError, Change};
use nextbest::serve::admin::routes::{HUB_FIELDS, REVOCABLE, ROUTES, Verb, Who};
use nextbest::serve::clock::unix_s;
use nextbest::serve::metrics::Counter;
use serde_json::Value;

type Route = (&'static str, &'static str, [u16; 6]);

const fn route(verb: &'static str, path: &'static str, expected: [u16; 6]) -> Route {
    (verb, path, expected)
}

/// Route by route, what each role is told: viewer, marketer, approver, operator, agent, privacy officer.
const EXPECTED: &[Route] = &[
    route("GET", "/healthz", [200; 6]),
    route("GET", "/readyz", [200; 6]),
    route("GET", "/metrics", [200, 403, 403, 200, 403, 403]),
    route("GET", "/v1/admin/whoami", [200; 6]),
    route("GET", "/v1/admin/hubs", [200, 403, 403, 200, 403, 403]),
    route("GET", "/v1/admin/changes", [403, 403, 403, 200, 403, 200]),
    route("POST", "/v1/admin/revoke", [403, 403, 403, 200, 200, 200]),
    route("POST", "/v1/admin/reload", [403, 403, 403, 200, 403, 403]),
    route("POST", "/v1/admin/person/export", [403, 403, 403, 403, 403, 200]),
    route("POST", "/v1/admin/person/erase", [403, 403, 403, 403, 403, 200]),
    route("GET", "/v1/admin/erasures", [403, 403, 403, 403, 403, 200]),
];

/// A body that a route takes from everybody who may ask it.
fn body(path: &str) -> &'static str {
    match path {
        "/v1/admin/revoke" => r#"{"customer":"nobody","why":"a test"}"#,
        "/v1/admin/reload" => r#"{"why":"a test"}"#,
        "/v1/admin/person/export" | "/v1/admin/person/erase" => r#"{"customer":"ada","why":"a test"}"#,
        _ => "",
    }
}

fn open() -> House {
    House::open_with(&GatewaySettings {
        admin: Some("127.0.0.1:0".parse().unwrap()),
        ..GatewaySettings::default()
    })
}

fn staff(house: &House) -> HashMap<AdminRole, String> {
    let token = |role: AdminRole| (role, house.staff(role.name(), role));
    AdminRole::ALL.into_iter().map(token).collect()
}

#[tokio::test]
async fn every_route_answers_its_roles_and_nobody_else() {
    let house = open();
    let staff = staff(&house);
    let _ada = house.app(house.token("ada")).await.unwrap();
    assert_eq!(ROUTES.len(), EXPECTED.len(), "a route is missing in one of the tables");
    for (verb, path, expected) in EXPECTED {
        let route = ROUTES.iter().find(|route| route.path == *path).expect(path);
        assert_eq!(route.verb.name(), *verb);
        for (role, expected) in AdminRole::ALL.iter().zip(expected) {
            let (status, answer) = house.ask(verb, path, &staff[role], body(path)).await;
            assert_eq!(status, *expected, "{verb} {path} as {}: {answer}", role.name());
        }
        for (who, token) in strangers(&house) {
            let (status, answer) = house.ask(verb, path, &token, body(path)).await;
            let expected = if route.who == Who::Anybody { 200 } else { 401 };
            assert_eq!(status, expected, "{verb} {path} as {who}: {answer}");
        }
        let other = if route.verb == Verb::Get { "POST" } else { "GET" };
        for wrong in [other, "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get"] {
            let (status, answer) = house.ask(wrong, path, &staff[&AdminRole::Operator], body(path)).await;
            assert_eq!(status, 405, "{wrong} {path}: {answer}");
        }
    }
    assert!({
        let metrics = house.gateway.metrics();
        metrics.value(Counter::AdminForbidden) > 0 && metrics.value(Counter::AdminUnknown) > 0
    });
}

/// Those who have something that is no admin token.
fn strangers(house: &House) -> Vec<(&'static str, String)> {
    let ended = make_admin_token(&house.keys, "ended", AdminRole::Operator, 1, unix_s() - 2 * 86_400).unwrap();
    let revoked = make_admin_token(&house.keys, "revoked", AdminRole::Operator, 1, unix_s()).unwrap();
    revoke_admin_token(&house.keys, "revoked").unwrap();
    house.gateway.reload_keys().unwrap();
    revoke_admin_token(&house.keys, "ended").unwrap();
    let digest = house.keys.admin_tokens().unwrap().to_string();
    vec![
        ("nobody", String::new()),
        ("a customer", house.token("ada")),
        ("a service", house.service_token()),
        ("somebody whose token has ended", ended),
        ("somebody whose token was revoked", revoked),
        (
            "somebody who has read the file",
            digest.split_whitespace().last().unwrap().to_owned(),
        ),
        ("garbage", "x".repeat(10_000)),
    ]
}

/// A path that is no route.
const fn path(path: &str) -> &str {
    path
}

/// Headers that prove nobody, and a path to try them at.
fn heads(headers: impl Into<String>, path: &str) -> (String, String) {
    (headers.into(), path.to_owned())
}

#[tokio::test]
async fn paths_queries_and_headers_open_nothing() {
    let house = open();
    let operator = house.staff("ops", AdminRole::Operator);
    for path in [
        path("/v1/admin"),
        path("/v1/admin/"),
        path("/v1/admin/hubs/"),
        path("//v1/admin/hubs"),
        path("/v1/admin/../admin/hubs"),
        path("/v1/admin/%68ubs"),
        path("/V1/ADMIN/HUBS"),
        path("/healthz/../v1/admin/hubs"),
    ] {
        assert_eq!(house.ask("GET", path, &operator, "").await.0, 404, "{path}");
    }
    let admin = house.gateway.admin_addr().unwrap();
    for (headers, path) in [
        heads(format!("authorization: bearer {operator}\r\n"), "/v1/admin/hubs"),
        heads(format!("authorization: Basic {operator}\r\n"), "/v1/admin/hubs"),
        heads(format!("authorization: Bearer  {operator}\r\n"), "/v1/admin/hubs"),
        heads(
            format!("authorization: Bearer {operator}\r\nauthorization: Bearer x\r\n"),
            "/v1/admin/hubs",
        ),
        heads(
            format!("x-http-method-override: GET\r\ncookie: token={operator}\r\n"),
            "/v1/admin/hubs",
        ),
        heads(
            "x-role: operator\r\nx-forwarded-user: ops\r\n".to_owned(),
            "/v1/admin/hubs",
        ),
        heads(String::new(), &format!("/v1/admin/hubs?token={operator}&role=operator")),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        let (status, answer) = house.ask_raw(admin, request).await;
        assert_eq!(status, 401, "{headers}: {answer}");
    }
    let large = format!("{{\"why\":\"{}\"}}", "x".repeat(5_000));
    assert_eq!(house.ask("POST", "/v1/admin/reload", &operator, &large).await.0, 413);
}

/// What an agent's body is answered with.
const fn body_is(body: &str, expected: u16) -> (&str, u16) {
    (body, expected)
}

#[tokio::test]
async fn a_body_gives_no_role_and_names_no_field_of_others() {
    let house = open();
    let staff = staff(&house);
    for (body, expected) in [
        body_is(r#"{"why":"x","role":"operator"}"#, 400),
        body_is(r#"{"why":"x","who":"ops","subject":"ada"}"#, 400),
        body_is(r#"{"subject":"ada"}"#, 400),
        body_is(r#"{"customer":"ada","why":" "}"#, 400),
        body_is(r#"{"why":"x"}"#, 400),
        body_is(r#"{"subject":"ada","hub":"hub-west","why":"x"}"#, 400),
        body_is(r#"{"hub":"hub-west","until_unix_s":1,"why":"x"}"#, 400),
        body_is(r#"{"subject":"ada","subject":"ben","why":"x"}"#, 400),
        body_is(r#"{"subject":7,"why":"x"}"#, 400),
        body_is(r#"{"subject":"ada\nhub hub-west","why":"x"}"#, 400),
        body_is(r#"{"certificate":"no number","why":"x"}"#, 400),
        body_is(r#"[]"#, 400),
        body_is("", 400),
        body_is("{", 400),
        body_is(r#"{"certificate":"0","why":"x"}"#, 400),
        body_is(r#"{"customer":"ada","until_unix_s":1,"why":"lost phone"}"#, 200),
        body_is(
            r#"{"customer":"ada","until_unix_s":99999999999,"why":"lost phone"}"#,
            403,
        ),
        body_is(r#"{"subject":"service","until_unix_s":1,"why":"x"}"#, 403),
        body_is(r#"{"token":"Jv3cN0mYt8r2Qw5sKx1ZzA","why":"x"}"#, 403),
        body_is(r#"{"hub":"hub-nowhere","why":"x"}"#, 403),
        body_is(r#"{"certificate":"3f","why":"x"}"#, 403),
    ] {
        let (status, answer) = house
            .ask("POST", "/v1/admin/revoke", &staff[&AdminRole::Agent], body)
            .await;
        assert_eq!(status, expected, "{body}: {answer}");
    }
    let list = house.keys.revoked_text().unwrap();
    assert_eq!(list, "customer ada 1\n", "only what was allowed is on the list");
    let expected = [
        ("hub", 1),
        ("certificate", 1),
        ("token", 1),
        ("customer", 3),
        ("subject", 1),
    ];
    assert_eq!(
        REVOCABLE
            .iter()
            .map(|(kind, roles)| (*kind, roles.len()))
            .collect::<Vec<_>>(),
        expected
    );
}

#[tokio::test]
async fn a_viewer_sees_less_of_a_hub_than_an_operator() {
    let house = open();
    let mut hub = house.hub("hub-west", 1).await.unwrap();
    hub.send_batch(0, 0, &[heard(1, -60)]).await.unwrap();
    acknowledged(&mut hub).await;
    for role in [AdminRole::Viewer, AdminRole::Operator] {
        let token = house.staff(role.name(), role);
        let (_, answer) = house.ask("GET", "/v1/admin/hubs", &token, "").await;
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let hubs: Value = serde_json::from_str(body).unwrap();
        let mut shown: Vec<_> = hubs["hubs"][0]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let allowed = HUB_FIELDS.iter().filter(|(_, roles)| roles.contains(&role));
        let mut allowed: Vec<_> = allowed.map(|(name, _)| *name).collect();
        shown.sort_unstable();
        allowed.sort_unstable();
        assert_eq!(shown, allowed, "{}", role.name());
        assert_eq!(shown.contains(&"firmware"), role == AdminRole::Operator);
    }
}

/// Notes what was recorded, or refuses to.
#[derive(Debug, Default)]
struct Notes {
    lines: Mutex<Vec<String>>,
    is_full: Mutex<bool>,
}

impl Audit for Notes {
    fn record(&self, change: &Change<'_>) -> Result<(), AuditError> {
        if *self.is_full.lock().unwrap() {
            return Err(AuditError);
        }
        let line = format!("{} {} {:?} {}", change.who, change.role.name(), change.what, change.why);
        self.lines.lock().unwrap().push(line);
        Ok(())
    }
}

#[tokio::test]
async fn a_change_is_recorded_with_who_and_why_or_is_not_made() {
    let notes = Arc::new(Notes::default());
    let house = House::open_with(&GatewaySettings {
        admin: Some("127.0.0.1:0".parse().unwrap()),
        audit: Arc::clone(&notes) as Arc<dyn Audit>,
        ..GatewaySettings::default()
    });
    let operator = house.staff("ops", AdminRole::Operator);
    let revoke = r#"{"hub":"hub-west","why":"stolen"}"#;
    assert_eq!(house.ask("POST", "/v1/admin/revoke", &operator, revoke).await.0, 200);
    let reload = r#"{"why":"new certificate"}"#;
    assert_eq!(house.ask("POST", "/v1/admin/reload", &operator, reload).await.0, 200);
    assert_eq!(
        *notes.lines.lock().unwrap(),
        [
            "ops operator Revoke(Hub(\"hub-west\")) stolen",
            "ops operator Reload new certificate"
        ]
    );
    *notes.is_full.lock().unwrap() = true;
    let revoke = r#"{"hub":"hub-east","why":"stolen"}"#;
    assert_eq!(house.ask("POST", "/v1/admin/revoke", &operator, revoke).await.0, 503);
    assert_eq!(house.keys.revoked_text().unwrap(), "hub hub-west\n");
}
