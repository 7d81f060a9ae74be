// Moments and amounts in the page's language.

const LOCALES = { id: 'id-ID', en: 'en-GB' };
const DAY = 86_400_000;

/** Formats for a language. Moments are in the time zone of the reader's machine. */
export function formats(language) {
  const locale = LOCALES[language];
  const dates = (options) => new Intl.DateTimeFormat(locale, { hourCycle: 'h23', ...options });
  const clock = dates({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const minute = dates({ hour: '2-digit', minute: '2-digit' });
  const day = dates({ day: 'numeric', month: 'short', year: 'numeric' });
  const full = dates({ dateStyle: 'long', timeStyle: 'medium' });
  const numbers = new Intl.NumberFormat(locale);
  const unit = (name) => new Intl.NumberFormat(locale, { style: 'unit', unit: name, unitDisplay: 'long' });
  const units = { second: unit('second'), minute: unit('minute'), hour: unit('hour'), day: unit('day') };

  return {
    /** 14.03.12 today, else the date and 14.03. */
    recent(iso) {
      const at = new Date(iso);
      return isToday(at) ? clock.format(at) : `${day.format(at)} ${minute.format(at)}`;
    },
    clock: (at) => clock.format(new Date(at)),
    minute: (at) => minute.format(new Date(at)),
    day: (iso) => day.format(new Date(iso)),
    full: (iso) => full.format(new Date(iso)),
    number: (value) => numbers.format(value),
    days: (value) => units.day.format(value),
    /** How late something is, in whole days, 1 at least. */
    daysSince: (iso) => Math.max(1, Math.floor((Date.now() - new Date(iso)) / DAY)),
    /** A span, in its largest whole unit. */
    span(seconds) {
      if (seconds < 90) return units.second.format(seconds);
      if (seconds < 5_400) return units.minute.format(Math.round(seconds / 60));
      if (seconds < 129_600) return units.hour.format(Math.round(seconds / 3_600));
      return units.day.format(Math.round(seconds / 86_400));
    },
  };
}

function isToday(at) {
  return at.toDateString() === new Date().toDateString();
}
