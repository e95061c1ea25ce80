//! One scan, from its start to whatever ends it.

use std::pin::Pin;

use btleplug::Error;
use btleplug::api::{Central, CentralEvent, CentralState, Peripheral as _, ScanFilter};
use btleplug::platform::{Adapter, PeripheralId};
use futures_util::{FutureExt as _, Stream, StreamExt as _};
use nextbest_proto::v1::RadioState;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::super::pairing::{Paired, Pairing, Part};
use super::super::radio::{Heard, RadioEvent};
use super::watch::{News, Watch};
use super::{CALL_WAIT, End, SILENCE_MAX, structures};

type Events = Pin<Box<dyn Stream<Item = CentralEvent> + Send>>;

/// A scan that runs.
pub(super) struct Scan {
    name: String,
    events: Events,
    pairing: Pairing<PeripheralId>,
    heard_at: Instant,
}

/// What happens next in a scan.
enum Next {
    Event(Option<CentralEvent>),
    News(Result<News, String>),
    Due,
    Silent,
}

impl Scan {
    /// Switches the adapter on and starts to scan.
    pub(super) async fn start(adapter: &Adapter, name: &str) -> Result<Self, Error> {
        let mut events = adapter.events().await?;
        // What bluetoothd remembers comes first, and at once. It is no sighting.
        while let Some(Some(_remembered)) = events.next().now_or_never() {}
        match adapter.start_scan(ScanFilter::default()).await {
            Ok(()) => {}
            // Our own scan goes on: bluetoothd has only stopped saying so.
            Err(error) if error.to_string().contains("InProgress") || error.to_string().contains("in progress") => {}
            Err(error) => return Err(error),
        }
        Ok(Self {
            name: name.to_owned(),
            events,
            pairing: Pairing::new(Instant::now()),
            heard_at: Instant::now(),
        })
    }

    /// Tells what is heard until something ends it.
    pub(super) async fn run(&mut self, adapter: &Adapter, watch: &mut Watch, events: &mpsc::Sender<RadioEvent>) -> End {
        loop {
            match self.next(watch).await {
                Next::Event(Some(event)) => {
                    if let Some(end) = self.take(event) {
                        return end;
                    }
                }
                Next::Event(None) => return End::NoBus("btleplug has lost the system bus".into()),
                Next::Due => self.pairing.on_time(Instant::now()),
                Next::News(Ok(news)) => {
                    if let Some(end) = self.end_by(&news) {
                        return end;
                    }
                }
                Next::News(Err(gone)) => return End::NoBus(gone),
                Next::Silent => {
                    // What bluetoothd does not stop is started again all the same.
                    let _stopped = timeout(CALL_WAIT, adapter.stop_scan()).await;
                    let silent_s = SILENCE_MAX.as_secs();
                    return End::Radio(
                        RadioState::Starting,
                        format!("{} heard nothing for {silent_s} s", self.name),
                    );
                }
            }
            while let Some(paired) = self.pairing.next_paired() {
                let event = match paired {
                    Paired::Heard(heard) => RadioEvent::Heard(heard),
                    Paired::Learned { address, advertisement } => RadioEvent::Learned { address, advertisement },
                    Paired::Ask { id, heard } => ask(adapter, &id, heard).await,
                };
                if events.send(event).await.is_err() {
                    return End::Unheard;
                }
            }
        }
    }

    /// The bus has gone, and btleplug's stream would ask it for something when it is dropped, and panic in a task of its
    /// own because nobody answers.
    pub(super) fn abandon(self) {
        std::mem::forget(self.events);
    }

    async fn next(&mut self, watch: &mut Watch) -> Next {
        let silent_at = self.heard_at + SILENCE_MAX;
        let due_at = self.pairing.due_at();
        let wake_at = due_at.map_or(silent_at, |due_at| due_at.min(silent_at));
        tokio::select! {
            biased;
            news = watch.news() => Next::News(news),
            event = self.events.next() => Next::Event(event),
            () = sleep_until(wake_at) => match due_at {
                Some(due_at) if due_at <= silent_at => Next::Due,
                _ => Next::Silent,
            },
        }
    }

    /// Takes an event of btleplug's; why the scan ends, when it does.
    fn take(&mut self, event: CentralEvent) -> Option<End> {
        let now = Instant::now();
        let (id, part) = match event {
            CentralEvent::DeviceDiscovered(id) => {
                if let Some(address) = structures::address(&id.to_string()) {
                    self.heard_at = now;
                    self.pairing.on_discovered(now, id, address);
                }
                return None;
            }
            CentralEvent::RssiUpdate { id, rssi } => (id, Part::Rssi(rssi)),
            CentralEvent::ManufacturerDataAdvertisement { id, manufacturer_data } => {
                (id, Part::Manufacturer(structures::manufacturer(&manufacturer_data)))
            }
            CentralEvent::ServiceDataAdvertisement { id, service_data } => {
                (id, Part::Service(structures::service(&service_data)))
            }
            CentralEvent::StateUpdate(CentralState::PoweredOff) => {
                return Some(End::Radio(RadioState::Off, format!("{} was switched off", self.name)));
            }
            CentralEvent::StateUpdate(_)
            | CentralEvent::ServicesAdvertisement { .. }
            | CentralEvent::DeviceUpdated(_)
            | CentralEvent::DeviceConnected(_)
            | CentralEvent::DeviceDisconnected(_)
            | CentralEvent::DeviceServicesModified(_) => return None,
        };
        if let Some(address) = structures::address(&id.to_string()) {
            self.heard_at = now;
            self.pairing.on_part(now, &id, address, part);
        }
        None
    }

    fn end_by(&self, news: &News) -> Option<End> {
        let ours = |name: &str| name == self.name;
        match news {
            News::DaemonGone => Some(End::Radio(RadioState::Absent, "bluetoothd has gone".into())),
            News::DaemonCame => Some(End::Radio(RadioState::Starting, "bluetoothd was restarted".into())),
            News::AdapterGone(name) if ours(name) => {
                Some(End::Radio(RadioState::Absent, format!("{name} was unplugged")))
            }
            News::ScanStopped(name) if ours(name) => {
                Some(End::Radio(RadioState::Starting, format!("{name} has stopped scanning")))
            }
            News::AdapterCame(_) | News::AdapterGone(_) | News::ScanStopped(_) => None,
        }
    }
}

/// Completes a sighting with the device's properties.
async fn ask(adapter: &Adapter, id: &PeripheralId, heard: Heard) -> RadioEvent {
    let properties = async { adapter.peripheral(id).await?.properties().await };
    let properties = timeout(CALL_WAIT, properties).await;
    let Ok(Ok(Some(properties))) = properties else {
        // It has left already. Whether it was heard, only its strength says.
        return match heard.rssi_dbm {
            Some(_) => RadioEvent::Heard(heard),
            None => RadioEvent::Missed,
        };
    };
    RadioEvent::Heard(Heard {
        rssi_dbm: heard.rssi_dbm.or(properties.rssi),
        advertisement: structures::all(&properties),
        ..heard
    })
}
