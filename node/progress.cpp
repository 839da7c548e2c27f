#include "node/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "node/text.hpp"

namespace tenax::node {

namespace {

constexpr std::size_t bars_max = 20;
constexpr std::size_t bar_name_columns_max = 44;
constexpr std::chrono::milliseconds line_every{2'000};

struct screen_size {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

screen_size size_of_screen() {
  winsize w{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0 || w.ws_row == 0) return {};
  return {w.ws_col, w.ws_row};
}

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::string some(std::uint64_t n, std::string_view what) {
  return n == 0 ? std::string{} : "  " + format_count(n) + ' ' + std::string{what};
}

std::string took(const tracked& w) {
  return w.closed_at ? " in " + format_duration(*w.closed_at - w.submitted_at) : std::string{};
}

std::string why(const tracked& w) {
  std::string out;
  if (!w.failed_action.empty()) out += ": action " + printable(w.failed_action);
  if (!w.reason.empty()) out += ": " + printable(w.reason);
  return out;
}

}  // namespace

std::string bar_line(const tracked& w, std::size_t name_width, std::size_t width) {
  const auto& a = w.actions;
  const std::uint64_t done = std::uint64_t{a.completed} + a.skipped;
  auto tail = "  " + format_count(done) + "/" + format_count(a.total) + " done";
  if (w.over()) {
    tail += "  " + std::string{to_string(w.status)};
  } else {
    tail += some(a.running, "running") + some(a.timer, "on timers") +
            some(a.backing_off, "retrying") + some(a.in_doubt, "to decide");
  }
  auto line = padded(shortened(printable(w.id), name_width), name_width) + "  ";
  // A quarter of the line, so that all bars are of one length, unless there is less room.
  constexpr std::size_t least = 5;
  constexpr std::size_t most = 30;
  const auto used = columns(line) + columns(tail) + 2;
  if (used + least <= width) {
    const auto cells = std::clamp(std::min(width / 4, width - used), least, most);
    const auto full = a.total == 0 ? 0 : static_cast<std::size_t>(cells * done / a.total);
    line += '[' + std::string(full, '#') + std::string(cells - full, '-') + ']';
  }
  return shortened(line + tail, width);
}

std::string totals_line(const progress_state& s) {
  const auto& t = s.totals;
  auto out = format_duration(s.elapsed) + "  " + format_count(t.over()) + "/" +
             counted(t.workflows, "workflow") + " ended";
  if (t.failed > 0) out += " (" + format_count(t.failed) + " failed)";
  const auto& a = t.actions;
  out += "  " + format_count(a.done) + "/" + counted(a.total, "action") + " done";
  return out + some(a.running, "running") + some(a.timer, "on timers") +
         some(a.backing_off, "retrying") + some(a.in_doubt, "to decide") +
         some(s.failed_attempts, "attempts failed");
}

std::string news_line(const run_news& n) {
  const auto& w = n.workflow;
  const auto name = printable(w.id) + ": ";
  switch (n.what) {
    case run_news::kind::started:
      return name + "started, " + counted(w.actions.total, "action");
    case run_news::kind::continued:
      return name + "is here already, " + format_count(w.actions.completed + w.actions.skipped) +
             " of " + counted(w.actions.total, "action") + " done";
    case run_news::kind::first_retry:
      return name + "an attempt failed and will be tried again";
    case run_news::kind::stuck:
      return name + "waits for a decision";
    case run_news::kind::ended:
      break;
  }
  return name + std::string{to_string(w.status)} + took(w) + why(w);
}

progress::mode progress::mode_of_stdout() {
  if (::isatty(STDOUT_FILENO) == 0) return mode::lines;
  const char* term = std::getenv("TERM");
  return term == nullptr || std::string_view{term} == "dumb" ? mode::lines : mode::terminal;
}

std::size_t progress::rows_max() const {
  if (mode_ != mode::terminal) return 0;
  const auto rows = size_of_screen().rows;
  return std::min(bars_max, rows > 4 ? rows - 4 : 0);
}

void progress::tell(std::string_view line) {
  if (mode_ == mode::off) return;
  around([line] { put(std::string{line} + '\n'); });
}

void progress::draw(const progress_state& s) {
  const std::lock_guard lock(mutex_);
  if (mode_ == mode::off || finished_) return;
  if (mode_ == mode::lines) {
    const bool over = s.totals.over() == s.totals.workflows;  // the summary comes next
    if (over || s.elapsed < next_line_ || last_told_ == s.totals) return;
    last_told_ = s.totals;
    next_line_ = s.elapsed + line_every;
    put(totals_line(s) + '\n');
    return;
  }
  // The last column stays empty: some terminals wrap when it is written.
  const auto width = size_of_screen().columns - 1;
  std::size_t name_width = 0;
  for (const auto& w : s.rows) name_width = std::max(name_width, columns(printable(w.id)));
  name_width = std::min({name_width, bar_name_columns_max, width / 2});
  erase();
  picture_.clear();
  for (const auto& w : s.rows) picture_.push_back(bar_line(w, name_width, width));
  picture_.push_back(shortened(totals_line(s), width));
  paint();
}

void progress::finish() {
  const std::lock_guard lock(mutex_);
  erase();
  std::fflush(stdout);
  picture_.clear();
  finished_ = true;
}

void progress::around(const std::function<void()>& write) {
  const std::lock_guard lock(mutex_);
  erase();
  std::fflush(stdout);
  write();
  paint();
}

void progress::erase() {
  // Up to the picture's first line, then everything below it goes.
  // Not flushed: with the new picture in one write nothing flickers.
  if (drawn_ > 0) std::printf("\x1b[%zuA\r\x1b[J", drawn_);
  drawn_ = 0;
}

void progress::paint() {
  if (mode_ != mode::terminal || picture_.empty()) return;
  std::string all;
  for (const auto& line : picture_) all += line + '\n';
  put(all);
  drawn_ = picture_.size();
}

}  // namespace tenax::node
