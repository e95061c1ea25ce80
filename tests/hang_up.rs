//! SIGHUP at the real program: the key folder and the pack are taken again, each whole or not at all, and those who are
//! connected are answered by what is true then.

#![cfg(unix)]

#[expect(dead_code, reason = "this test uses a part of it")]
mod served;

use std::fs;

use nextbest::serve::access::changes::revoke;
use nextbest::serve::access::revoked::Revocation;
use nextbest::serve::clock::unix_s;
use nextbest_proto::v1::{self, ErrorCode};
use served::Served;
use tokio::time::timeout;

fn food() -> v1::Query {
    v1::Query {
        want: "food".into(),
        ..v1::Query::default()
    }
}

#[tokio::test]
async fn a_hang_up_takes_keys_and_pack_again() {
    let mut served = Served::start(|_name, text| text);
    let (ada, ben) = (served.app("ada").await, served.app("ben").await);
    let first = ada.query(food()).await.unwrap();
    assert!(first.answers[0].message.contains("grill"));
    // Somebody's tokens are refused, and a message says something else.
    revoke(&served.keys, &Revocation::customer("ada", unix_s() + 60).unwrap()).unwrap();
    let messages = served.pack.path().join("messages/en.ftl");
    let text = fs::read_to_string(&messages).unwrap();
    fs::write(&messages, text.replace("a grill", "another grill")).unwrap();
    served.hang_up();
    assert!(served.says("the key folder was taken again"));
    assert!(served.says("the pack was taken again: generation 2"));
    let refused = timeout(served::WAIT, ada.query(food())).await.unwrap().unwrap_err();
    assert_eq!(refused.refusal().map(v1::Error::code), Some(ErrorCode::TokenRevoked));
    let second = ben.query(food()).await.unwrap();
    assert_eq!(second.generation, first.generation + 1);
    assert!(second.answers[0].message.contains("another grill"));
    // A pack that is broken, and a list that is: everything stays as it was.
    fs::write(&messages, "eat = {").unwrap();
    fs::write(served.keys_dir.path().join("revoked"), "who knows\n").unwrap();
    served.hang_up();
    assert!(served.logs("revoked") && served.logs("the pack is served as it was"));
    let third = ben.query(food()).await.unwrap();
    assert_eq!((third.generation, &third.answers), (second.generation, &second.answers));
    assert!(served.try_app("ada").await.is_err(), "who was refused stays refused");
}
