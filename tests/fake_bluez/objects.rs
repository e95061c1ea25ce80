//! The objects of the fake: one adapter and its devices, what they answer, and what they say when something is heard.

use std::collections::{BTreeMap, HashMap};

use dbus::Path;
use dbus::arg::{PropMap, RefArg, Variant, prop_cast};
use dbus::channel::Channel;
use dbus::message::Message;

const ADAPTER: &str = "org.bluez.Adapter1";
const DEVICE: &str = "org.bluez.Device1";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
const HCI0: &str = "/org/bluez/hci0";

/// What one advertisement holds besides its strength.
#[derive(Clone, Debug)]
pub(crate) enum Data {
    Manufacturer(u16, Vec<u8>),
    Service(u16, Vec<u8>),
    /// BlueZ does not mention what has not changed.
    Unchanged,
}

/// One advertisement on the air.
#[derive(Clone, Debug)]
pub(crate) struct Advert {
    pub(crate) address: [u8; 6],
    pub(crate) rssi_dbm: i16,
    pub(crate) data: Vec<Data>,
    /// Strength and data in signals of their own.
    pub(crate) is_split: bool,
}

#[derive(Default)]
pub(super) struct Objects {
    has_adapter: bool,
    is_powered: bool,
    /// Who has asked for the scan.
    scanner: Option<String>,
    pub(super) wants_duplicates: bool,
    devices: BTreeMap<[u8; 6], Device>,
}

#[derive(Clone, Default)]
struct Device {
    rssi_dbm: Option<i16>,
    manufacturer: HashMap<u16, Vec<u8>>,
    service: HashMap<u16, Vec<u8>>,
}

impl Objects {
    pub(super) fn is_scanning(&self) -> bool {
        self.scanner.is_some()
    }

    /// Somebody has left the bus; a scan of theirs ends.
    pub(super) fn on_left(&mut self, channel: &Channel, message: &Message) {
        let (name, _old, new) = message.get3::<String, String, String>();
        if new.is_some_and(|new| new.is_empty()) && name == self.scanner {
            self.scan(channel, None);
        }
    }

    fn scan(&mut self, channel: &Channel, scanner: Option<String>) {
        self.scanner = scanner;
        let changed = HashMap::from([("Discovering".to_owned(), variant(self.is_scanning()))]);
        signal(channel, HCI0, PROPERTIES, "PropertiesChanged", |message| {
            message.append3(ADAPTER, changed, Vec::<String>::new())
        });
    }

    pub(super) fn add_adapter(&mut self, channel: &Channel) {
        self.has_adapter = true;
        let interfaces = HashMap::from([(ADAPTER.to_owned(), self.adapter())]);
        signal(channel, "/", MANAGER, "InterfacesAdded", |message| {
            message.append2(Path::from(HCI0), interfaces)
        });
    }

    pub(super) fn remove_adapter(&mut self, channel: &Channel) {
        for address in self.devices.keys() {
            removed(channel, path(address), DEVICE);
        }
        removed(channel, HCI0.into(), ADAPTER);
        self.forget();
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Says that a device was heard; false when nobody scans.
    pub(super) fn advertise(&mut self, channel: &Channel, advert: Advert) -> bool {
        if !self.is_scanning() {
            return false;
        }
        let is_new = !self.devices.contains_key(&advert.address);
        let device = self.devices.entry(advert.address).or_default();
        device.rssi_dbm = Some(advert.rssi_dbm);
        advert.data.iter().for_each(|data| device.take(data));
        if is_new {
            // BlueZ says all of a new device at once, and nothing of this advertisement after that.
            self.added(channel, advert.address);
            return true;
        }
        let path = path(&advert.address);
        let mut changed: PropMap = HashMap::from([("RSSI".to_owned(), variant(advert.rssi_dbm))]);
        if advert.is_split {
            changes(channel, &path, std::mem::take(&mut changed));
        }
        let device = &self.devices[&advert.address];
        for data in &advert.data {
            match data {
                Data::Manufacturer(..) => {
                    changed.insert("ManufacturerData".into(), variant(device.manufacturer_data()));
                }
                Data::Service(..) => {
                    changed.insert("ServiceData".into(), variant(device.service_data()));
                }
                Data::Unchanged => {}
            }
        }
        if !changed.is_empty() {
            changes(channel, &path, changed);
        }
        true
    }

    /// A device that is known from before: it has no strength, because it is not heard.
    pub(super) fn remember(&mut self, channel: &Channel, advert: Advert) {
        let device = self.devices.entry(advert.address).or_default();
        advert.data.iter().for_each(|data| device.take(data));
        self.added(channel, advert.address);
    }

    pub(super) fn answer(&mut self, channel: &Channel, call: &Message) -> Message {
        let member = call.member().map(|member| member.to_string()).unwrap_or_default();
        let path = call.path().map(|path| path.to_string()).unwrap_or_default();
        let known = match member.as_str() {
            "GetManagedObjects" => return call.method_return().append1(self.managed()),
            _ if path == HCI0 => self.has_adapter,
            _ => self.device(&path).is_some(),
        };
        if !known {
            return call.error(&"org.freedesktop.DBus.Error.UnknownObject".into(), c"no such object");
        }
        match member.as_str() {
            "GetAll" if path == HCI0 => call.method_return().append1(self.adapter()),
            "GetAll" => call.method_return().append1(
                self.device(&path)
                    .map(|(address, device)| device.properties(address))
                    .unwrap(),
            ),
            "Set" => {
                self.is_powered = true;
                call.method_return()
            }
            "SetDiscoveryFilter" => {
                let filter: PropMap = call.read1().unwrap();
                self.wants_duplicates = prop_cast::<bool>(&filter, "DuplicateData").copied().unwrap_or(false);
                call.method_return()
            }
            "StartDiscovery" | "StopDiscovery" => {
                let caller = call.sender().map(|sender| sender.to_string());
                self.scan(channel, caller.filter(|_| member == "StartDiscovery"));
                call.method_return()
            }
            _ => call.error(
                &"org.freedesktop.DBus.Error.UnknownMethod".into(),
                c"the fake does not know it",
            ),
        }
    }

    fn device(&self, path: &str) -> Option<(&[u8; 6], &Device)> {
        self.devices.iter().find(|(address, _)| *self::path(address) == *path)
    }

    fn managed(&self) -> HashMap<Path<'static>, HashMap<String, PropMap>> {
        let mut managed = HashMap::new();
        if self.has_adapter {
            managed.insert(HCI0.into(), HashMap::from([(ADAPTER.to_owned(), self.adapter())]));
        }
        for (address, device) in &self.devices {
            let interfaces = HashMap::from([(DEVICE.to_owned(), device.properties(address))]);
            managed.insert(path(address), interfaces);
        }
        managed
    }

    fn added(&self, channel: &Channel, address: [u8; 6]) {
        let interfaces = HashMap::from([(DEVICE.to_owned(), self.devices[&address].properties(&address))]);
        signal(channel, "/", MANAGER, "InterfacesAdded", |message| {
            message.append2(path(&address), interfaces)
        });
    }

    /// All that bluez-async requires; without any of it there is no adapter.
    fn adapter(&self) -> PropMap {
        HashMap::from([
            ("Address".to_owned(), variant("00:11:22:33:44:55".to_owned())),
            ("AddressType".to_owned(), variant("public".to_owned())),
            ("Name".to_owned(), variant("fake".to_owned())),
            ("Alias".to_owned(), variant("fake".to_owned())),
            ("Modalias".to_owned(), variant("usb:v1D6Bp0246d0542".to_owned())),
            ("Powered".to_owned(), variant(self.is_powered)),
            ("Discovering".to_owned(), variant(self.is_scanning())),
        ])
    }
}

impl Device {
    fn take(&mut self, data: &Data) {
        match data {
            Data::Manufacturer(company, data) => {
                self.manufacturer = HashMap::from([(*company, data.clone())]);
            }
            Data::Service(service, data) => {
                self.service = HashMap::from([(*service, data.clone())]);
            }
            Data::Unchanged => {}
        }
    }

    /// All that bluez-async requires; without any of it every event of the device is dropped.
    fn properties(&self, address: &[u8; 6]) -> PropMap {
        let mut properties: PropMap = HashMap::from([
            ("Address".to_owned(), variant(written(address, ":"))),
            ("AddressType".to_owned(), variant("random".to_owned())),
            ("Alias".to_owned(), variant("tag".to_owned())),
            ("Adapter".to_owned(), variant(Path::from(HCI0))),
        ]);
        for name in [
            "Paired",
            "Connected",
            "ServicesResolved",
            "Trusted",
            "Blocked",
            "LegacyPairing",
        ] {
            properties.insert(name.into(), variant(false));
        }
        if let Some(rssi_dbm) = self.rssi_dbm {
            properties.insert("RSSI".into(), variant(rssi_dbm));
        }
        if !self.manufacturer.is_empty() {
            properties.insert("ManufacturerData".into(), variant(self.manufacturer_data()));
        }
        if !self.service.is_empty() {
            properties.insert("ServiceData".into(), variant(self.service_data()));
        }
        properties
    }

    fn manufacturer_data(&self) -> HashMap<u16, Variant<Box<dyn RefArg>>> {
        let data = self.manufacturer.iter();
        data.map(|(company, data)| (*company, variant(data.clone()))).collect()
    }

    fn service_data(&self) -> PropMap {
        let uuid = |service: &u16| format!("0000{service:04x}-0000-1000-8000-00805f9b34fb");
        let data = self.service.iter();
        data.map(|(service, data)| (uuid(service), variant(data.clone())))
            .collect()
    }
}

fn changes(channel: &Channel, path: &Path<'static>, changed: PropMap) {
    signal(channel, path, PROPERTIES, "PropertiesChanged", |message| {
        message.append3(DEVICE, changed, Vec::<String>::new())
    });
}

fn removed(channel: &Channel, path: Path<'static>, interface: &str) {
    signal(channel, "/", MANAGER, "InterfacesRemoved", |message| {
        message.append2(path, vec![interface.to_owned()])
    });
}

fn signal(channel: &Channel, path: &str, interface: &str, member: &str, fill: impl FnOnce(Message) -> Message) {
    let message = Message::new_signal(path, interface, member).unwrap();
    channel.send(fill(message)).unwrap();
}

fn variant(value: impl RefArg + 'static) -> Variant<Box<dyn RefArg>> {
    Variant(Box::new(value))
}

fn written(address: &[u8; 6], between: &str) -> String {
    address.map(|byte| format!("{byte:02X}")).join(between)
}

fn path(address: &[u8; 6]) -> Path<'static> {
    format!("{HCI0}/dev_{}", written(address, "_")).into()
}
