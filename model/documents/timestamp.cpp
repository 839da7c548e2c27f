#include "model/documents/timestamp.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace tenax::model {

namespace {

using namespace std::chrono;

// Years of four digits, which is what the format can say.
constexpr wall_time first_time = sys_days{year{0} / January / 1};
constexpr wall_time last_time = wall_time{sys_days{year{10'000} / January / 1}} - milliseconds{1};

class reader {
 public:
  explicit reader(std::string_view text) : rest_(text) {}
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool at_digit() const {
    return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
  }
  char take() {
    if (rest_.empty()) return '\0';
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  // Exactly `count` digits with a value of at most `most`; -1 otherwise.
  int digits(int count, int most) {
    int value = 0;
    for (int i = 0; i < count; ++i) {
      if (!at_digit()) return -1;
      value = value * 10 + (take() - '0');
    }
    return value <= most ? value : -1;
  }

 private:
  std::string_view rest_;
};

// After the dot: at least one digit, rounded up to 0..1000. -1: none.
int fraction_ms(reader& in) {
  if (!in.at_digit()) return -1;
  int value = 0;
  bool finer = false;
  for (int unit = 100; in.at_digit(); unit /= 10) {
    const int digit = in.take() - '0';
    value += digit * unit;
    finer = finer || (unit == 0 && digit > 0);
  }
  return value + (finer ? 1 : 0);
}

// "Z" or "+hh:mm" up to the end.
std::optional<minutes> offset(reader& in, char sign) {
  if (sign == 'Z' || sign == 'z') return in.at_end() ? std::optional(minutes{0}) : std::nullopt;
  if (sign != '+' && sign != '-') return std::nullopt;
  const int h = in.digits(2, 23);
  const bool colon = in.take() == ':';
  const int m = in.digits(2, 59);
  if (h < 0 || !colon || m < 0 || !in.at_end()) return std::nullopt;
  return (hours{h} + minutes{m}) * (sign == '-' ? -1 : 1);
}

}  // namespace

std::optional<wall_time> parse_timestamp(std::string_view text) {
  reader in(text);
  const int y = in.digits(4, 9999);
  if (y < 0 || in.take() != '-') return std::nullopt;
  const int mo = in.digits(2, 12);
  if (mo < 1 || in.take() != '-') return std::nullopt;
  const int d = in.digits(2, 31);
  const year_month_day date{year{y}, month{static_cast<unsigned>(mo)},
                            day{static_cast<unsigned>(std::max(d, 0))}};
  if (const char t = in.take(); !date.ok() || (t != 'T' && t != 't')) return std::nullopt;
  const int h = in.digits(2, 23);
  if (h < 0 || in.take() != ':') return std::nullopt;
  const int mi = in.digits(2, 59);
  if (mi < 0 || in.take() != ':') return std::nullopt;
  const int s = in.digits(2, 59);
  if (s < 0) return std::nullopt;
  char next = in.take();
  int ms = 0;
  if (next == '.') {
    ms = fraction_ms(in);
    if (ms < 0) return std::nullopt;
    next = in.take();
  }
  const auto east = offset(in, next);
  if (!east) return std::nullopt;
  const wall_time time =
      wall_time{sys_days{date}} + hours{h} + minutes{mi} + seconds{s} + milliseconds{ms} - *east;
  return time >= first_time && time <= last_time ? std::optional(time) : std::nullopt;
}

std::string print_timestamp(wall_time time) {
  const wall_time clamped = std::clamp(time, first_time, last_time);
  const auto midnight = floor<days>(clamped);
  const year_month_day date{midnight};
  const hh_mm_ss<milliseconds> clock{clamped - midnight};
  std::array<char, 64> text;
  const int size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
      static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string print_duration(milliseconds d) {
  const bool minus = d < milliseconds{0};
  const auto ms =
      static_cast<std::uint64_t>(minus ? -(d.count() + 1) : d.count()) + (minus ? 1 : 0);
  const auto s = ms / 1'000;
  std::array<char, 48> out{};
  const auto print = [&](const char* format, auto... parts) {
    std::snprintf(out.data(), out.size(), format, parts...);
  };
  using number = unsigned long long;
  if (ms < 1'000)
    print("%llu ms", number{ms});
  else if (s < 60)
    print("%llu.%llu s", number{s}, number{ms % 1'000 / 100});
  else if (s < 3'600)
    print("%llum %02llus", number{s / 60}, number{s % 60});
  else if (s < 86'400)
    print("%lluh %02llum", number{s / 3'600}, number{s / 60 % 60});
  else
    print("%llud %02lluh", number{s / 86'400}, number{s / 3'600 % 24});
  return (minus ? "-" : "") + std::string{out.data()};
}

std::string print_near(wall_time at, wall_time now) {
  std::string time = print_timestamp(at);
  const auto left = at - now;
  if (left >= minutes{1} || left <= -minutes{1})
    time.replace(time.find('.'), std::string::npos, "Z");
  if (floor<days>(at) == floor<days>(now)) time.erase(0, time.find('T') + 1);
  return time;
}

std::string print_when(wall_time at, wall_time now) {
  const auto left = at - now;
  return (left > milliseconds{0} ? "in " + print_duration(left) + ", "
                                 : print_duration(-left) + " ago, ") +
         print_near(at, now);
}

std::string print_since(wall_time at, wall_time now) {
  return "for " + print_duration(std::max(now - at, milliseconds{0})) + ", since " +
         print_near(at, now);
}

}  // namespace tenax::model
