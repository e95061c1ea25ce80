//! What btleplug does not tell: that bluetoothd or the adapter goes and comes, and that a scan was stopped.
//!
//! A second connection to the system bus, with matches for the owner of `org.bluez`, for objects that come and go, and for
//! the properties of adapters. Deliberately absent: devices.

use std::collections::HashMap;
use std::sync::Arc;

use dbus::Path;
use dbus::arg::{PropMap, prop_cast};
use dbus::message::{MatchRule, Message};
use dbus::nonblock::{MsgMatch, SyncConnection};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Most news that wait. They are few; when there are more, the scan ends anyway.
const NEWS_LEN_MAX: usize = 64;
const ADAPTER: &str = "org.bluez.Adapter1";
const PATH: &str = "/org/bluez/";
/// Adapters whose properties are watched: `hci0` and on. Each by its path, so that those of devices, which change with every
/// advertisement, do not come twice.
const ADAPTERS_LEN_MAX: u32 = 8;

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    DaemonGone,
    DaemonCame,
    AdapterGone(String),
    AdapterCame(String),
    ScanStopped(String),
}

/// Listens until it is dropped.
pub(super) struct Watch {
    news: mpsc::Receiver<News>,
    connection: JoinHandle<String>,
    gone: Option<String>,
    /// The matches last as long as these.
    _matches: Vec<MsgMatch>,
    _bus: Arc<SyncConnection>,
}

impl Watch {
    /// Connects to the system bus.
    pub(super) async fn start() -> Result<Self, String> {
        let (resource, bus) =
            dbus_tokio::connection::new_system_sync().map_err(|error| format!("no system bus: {error}"))?;
        let connection = tokio::spawn(async move { format!("the system bus has gone: {}", resource.await) });
        let (sender, news) = mpsc::channel(NEWS_LEN_MAX);
        let mut owner = MatchRule::new_signal("org.freedesktop.DBus", "NameOwnerChanged");
        owner.sender = Some("org.freedesktop.DBus".into());
        let from_bluez = |interface: &'static str, member: &'static str| {
            MatchRule::new_signal(interface, member).with_sender("org.bluez")
        };
        let manager = "org.freedesktop.DBus.ObjectManager";
        let properties = (0..ADAPTERS_LEN_MAX).map(|number| {
            from_bluez("org.freedesktop.DBus.Properties", "PropertiesChanged").with_path(format!("{PATH}hci{number}"))
        });
        let rules = [
            owner,
            from_bluez(manager, "InterfacesAdded"),
            from_bluez(manager, "InterfacesRemoved"),
        ];
        let mut matches = Vec::new();
        for rule in rules.into_iter().chain(properties) {
            let sender = sender.clone();
            let added = bus.add_match(rule).await.map_err(|error| error.to_string())?;
            matches.push(added.msg_cb(move |message| {
                if let Some(news) = read(&message) {
                    // When it is full there is news enough.
                    let _full = sender.try_send(news);
                }
                true
            }));
        }
        Ok(Self {
            news,
            connection,
            gone: None,
            _matches: matches,
            _bus: bus,
        })
    }

    /// The next news; an error when the bus has gone. Giving it up loses nothing.
    pub(super) async fn news(&mut self) -> Result<News, String> {
        if let Some(gone) = &self.gone {
            return Err(gone.clone());
        }
        tokio::select! {
            biased;
            Some(news) = self.news.recv() => Ok(news),
            gone = &mut self.connection => {
                let gone = gone.unwrap_or_else(|error| error.to_string());
                self.gone = Some(gone.clone());
                Err(gone)
            }
        }
    }

    /// Drops what is known by now.
    pub(super) fn forget(&mut self) {
        while self.news.try_recv().is_ok() {}
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// What a message says, if it is news.
fn read(message: &Message) -> Option<News> {
    match &*message.member()? {
        "NameOwnerChanged" => {
            let (name, _old, new) = message.get3::<&str, &str, &str>();
            (name? == "org.bluez").then_some(())?;
            Some(if new?.is_empty() {
                News::DaemonGone
            } else {
                News::DaemonCame
            })
        }
        "InterfacesAdded" => {
            let (path, interfaces) = message.get2::<Path<'_>, HashMap<String, PropMap>>();
            interfaces?.contains_key(ADAPTER).then_some(())?;
            Some(News::AdapterCame(name(&path?)?))
        }
        "InterfacesRemoved" => {
            let (path, interfaces) = message.get2::<Path<'_>, Vec<String>>();
            interfaces?.iter().any(|interface| interface == ADAPTER).then_some(())?;
            Some(News::AdapterGone(name(&path?)?))
        }
        "PropertiesChanged" => {
            let (interface, changed) = message.get2::<&str, PropMap>();
            (interface? == ADAPTER).then_some(())?;
            let discovering = prop_cast::<bool>(&changed?, "Discovering").copied();
            (discovering == Some(false)).then_some(())?;
            Some(News::ScanStopped(name(&message.path()?)?))
        }
        _ => None,
    }
}

fn name(path: &str) -> Option<String> {
    path.strip_prefix(PATH).map(str::to_owned)
}
