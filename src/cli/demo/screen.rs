//! The demo on a terminal: a picture that is drawn anew five times a second.

use std::io;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};

use super::watch::{Figures, STANDS_LEN, Stand, Watch, duration, us};

/// Time between two pictures.
const PICTURE_EVERY: Duration = Duration::from_millis(200);
/// A wait from which a stand is crowded, in seconds.
const CROWDED_S: u32 = 300;

/// Shows the demo until its time is over, the crowd has ended, or somebody presses q.
pub(super) fn show(watch: &Watch, lasts: Duration, has_ended: impl Fn() -> bool) -> io::Result<()> {
    let mut terminal = ratatui::try_init()?;
    let shown = loop {
        if watch.ran() >= lasts || has_ended() {
            break Ok(());
        }
        let figures = watch.read();
        if let Err(error) = terminal.draw(|frame| draw(frame, watch, &figures, lasts)) {
            break Err(error);
        }
        match is_over() {
            Ok(true) => break Ok(()),
            Ok(false) => {}
            Err(error) => break Err(error),
        }
    };
    ratatui::try_restore()?;
    shown
}

/// Waits for the next picture; true when somebody wants to leave.
fn is_over() -> io::Result<bool> {
    if !event::poll(PICTURE_EVERY)? {
        return Ok(false);
    }
    Ok(
        matches!(event::read()?, Event::Key(key) if key.code == KeyCode::Char('q')
        || key.code == KeyCode::Esc
        || (key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL))),
    )
}

fn draw(frame: &mut Frame<'_>, watch: &Watch, figures: &Figures, lasts: Duration) {
    let [top, stands, answers, foot] = Layout::vertical([
        Constraint::Length(6),
        Constraint::Length(STANDS_LEN as u16 + 3),
        Constraint::Min(4),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(rates(watch, figures), top);
    frame.render_widget(busy_stands(figures), stands);
    frame.render_widget(latest_answers(figures, answers), answers);
    let left = lasts.saturating_sub(figures.ran).as_secs();
    frame.render_widget(Line::from(format!(" q ends it; {left} s left")).dim(), foot);
}

fn rates<'a>(watch: &Watch, figures: &Figures) -> Paragraph<'a> {
    let crowd = &figures.crowd;
    let number = |value: String| Span::styled(value, Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD));
    let lines = vec![
        Line::from(vec![
            number(format!("{:>9.0}", figures.sightings_per_s)),
            Span::raw(" sightings/s from "),
            number(figures.hubs_alive.to_string()),
            Span::raw(" hubs, who hear "),
            number(figures.tags.to_string()),
            Span::raw(" tags"),
        ]),
        Line::from(vec![
            number(format!("{:>9.0}", figures.decides_per_s)),
            Span::raw(" decides/s, each in "),
            number(format!("{:.1} us", us(&figures.decide_ns, 0.5))),
            Span::raw(" (p50) "),
            number(format!("{:.1} us", us(&figures.decide_ns, 0.99))),
            Span::raw(" (p99) in the gateway"),
        ]),
        Line::from(vec![
            number(format!("{:>9}", crowd.answers)),
            Span::raw(" answers over QUIC, p50 "),
            number(format!("{} us", crowd.latency_us.value_at_quantile(0.5))),
            Span::raw(" p99 "),
            number(format!("{} us", crowd.latency_us.value_at_quantile(0.99))),
            Span::raw(format!(" from the phone and back; {} errors", crowd.errors())),
        ]),
        Line::from(format!(
            "          {} seated, {} walking, {} queueing, {} being served",
            crowd.census.seated, crowd.census.walking, crowd.census.queueing, crowd.census.in_service
        ))
        .dim(),
    ];
    Paragraph::new(lines).block(Block::bordered().title(format!(" {}: half-time ", watch.pack_name)))
}

fn busy_stands<'a>(figures: &Figures) -> Table<'a> {
    let widths = [
        Constraint::Min(26),
        Constraint::Length(12),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(12),
        Constraint::Length(8),
        Constraint::Length(12),
    ];
    Table::new(figures.stands.iter().map(stand_row), widths)
        .header(Row::new(["busiest", "", "people", "(true)", "wait", "coming", "in a minute"]).dim())
        .block(Block::bordered().title(" queues, as the gateway sees them "))
}

fn stand_row<'a>(stand: &Stand) -> Row<'a> {
    let colour = match stand.wait_s {
        Some(wait_s) if wait_s >= CROWDED_S => Color::Red,
        Some(wait_s) if wait_s >= CROWDED_S / 2 => Color::Yellow,
        Some(_) => Color::Green,
        None => Color::DarkGray,
    };
    let count = |people: Option<String>| people.unwrap_or_else(|| "?".to_owned());
    Row::new(vec![
        Cell::from(stand.name.clone()),
        Cell::from(stand.category.clone()).dim(),
        Cell::from(count(stand.people.map(|people| people.to_string()))),
        Cell::from(format!(
            "({})",
            count(stand.true_people.map(|people| people.to_string()))
        ))
        .dim(),
        Cell::from(stand.wait_s.map_or("unknown".to_owned(), duration)).fg(colour),
        Cell::from(stand.promised.to_string()),
        Cell::from(stand.forecast_wait_s.map_or("unknown".to_owned(), duration)),
    ])
}

fn latest_answers<'a>(figures: &Figures, area: Rect) -> Paragraph<'a> {
    let rows = usize::from(area.height.saturating_sub(2));
    let lines: Vec<Line<'_>> = figures
        .crowd
        .recent
        .iter()
        .rev()
        .take(rows)
        .map(|answer| {
            Line::from(vec![
                Span::styled(format!("{:>9} us ", answer.latency_us), Style::new().dim()),
                Span::styled(
                    format!("{} wants {}: ", answer.customer, answer.want),
                    Style::new().fg(Color::Cyan),
                ),
                Span::raw(answer.message.clone()),
            ])
        })
        .collect();
    Paragraph::new(lines).block(Block::bordered().title(" answers, as they are given "))
}
