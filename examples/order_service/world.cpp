#include "world.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>
#include <tenax/nlohmann.hpp>
#include <thread>

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(entry, what, key, of, amount)

ledger::ledger(const std::filesystem::path& file) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    // A process that was killed while it wrote has left half a line: that has not happened.
    if (auto e = tenax::read_json<entry>(line)) know(*std::move(e));
  }
  fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), file.string());
}

ledger::~ledger() { ::close(fd_); }

void ledger::append(entry e) {
  const auto line = "\n" + tenax::write_json(e) + "\n";
  const auto written = ::write(fd_, line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size()) || ::fdatasync(fd_) != 0) {
    throw std::system_error(errno, std::generic_category(), "ledger");
  }
  know(std::move(e));
}

void ledger::know(entry e) {
  totals_[e.what][e.of] += e.amount;
  first_.try_emplace({e.what, e.key}, std::move(e));
}

const entry* ledger::find(const std::string& what, const std::string& key) const {
  const auto at = first_.find({what, key});
  return at == first_.end() ? nullptr : &at->second;
}

// --- the warehouse
// ---------------------------------------------------------------------------------

std::int64_t warehouse::free_of(const std::string& item) {
  const auto total = [&](const char* what) {
    const auto& of = ledger_.totals(what);
    const auto at = of.find(item);
    return at == of.end() ? 0 : at->second;
  };
  return total("delivered") - total("reserved") + total("released");
}

void warehouse::deliver(const std::string& key, const std::string& item, std::int64_t count) {
  const std::lock_guard lock(mutex_);
  if (ledger_.find("delivered", key) == nullptr) ledger_.append({"delivered", key, item, count});
}

void warehouse::reserve(const std::string& key, const std::string& item, std::int64_t count) {
  const std::lock_guard lock(mutex_);
  if (ledger_.find("reserved", key) != nullptr) return;
  if (free_of(item) < count) throw out_of_stock("no " + item + " left");
  ledger_.append({"reserved", key, item, count});
}

void warehouse::release(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto* reserved = ledger_.find("reserved", key);
  if (reserved == nullptr || ledger_.find("released", key) != nullptr) return;
  ledger_.append({"released", key, reserved->of, reserved->amount});
}

std::int64_t warehouse::available(const std::string& item) {
  const std::lock_guard lock(mutex_);
  return free_of(item);
}

// --- the bank
// --------------------------------------------------------------------------------------

std::string bank::charge(const std::string& reference, const std::string& card,
                         std::int64_t cents) {
  if (card.ends_with("-refused")) throw card_refused(card + " is refused");
  bool silent = false;
  {
    const std::lock_guard lock(mutex_);
    const auto call = ++calls_;
    if (call % 10 == 0) throw bank_busy("busy");
    if (call % 25 == 0) throw no_answer("no answer");
    silent = call % 21 == 0;
    ledger_.append({"charged", reference, card, cents});
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the answer is on its way
  if (silent) throw no_answer("no answer");
  return "r-" + reference;
}

std::optional<std::string> bank::find(const std::string& reference) {
  const std::lock_guard lock(mutex_);
  if (ledger_.find("charged", reference) == nullptr) return std::nullopt;
  return "r-" + reference;
}

std::int64_t bank::refund(const std::string& reference) {
  const std::lock_guard lock(mutex_);
  const auto* charged = ledger_.find("charged", reference);
  if (charged == nullptr) return 0;
  if (ledger_.find("refunded", reference) == nullptr) {
    ledger_.append({"refunded", reference, charged->of, charged->amount});
  }
  return charged->amount;
}

// --- the others
// ------------------------------------------------------------------------------------

carrier::answer carrier::ship(const std::string& key, const std::string& address, time now) {
  if (address.empty()) throw undeliverable("there is no address");
  const std::lock_guard lock(mutex_);
  const auto window = now.time_since_epoch() / std::chrono::milliseconds(250);
  if (window > window_) {
    window_ = window;
    in_window_ = 0;
  }
  if (++in_window_ > limit) {
    return {{}, time(std::chrono::milliseconds(250) * (window_ + 1))};
  }
  if (ledger_.find("shipped", key) == nullptr) ledger_.append({"shipped", key, address, 1});
  return {"t-" + key};
}

void once_list::add(const std::string& what, const std::string& key, const std::string& of) {
  const std::lock_guard lock(mutex_);
  if (ledger_.find(what, key) == nullptr) ledger_.append({what, key, of, 1});
}
