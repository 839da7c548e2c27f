// world.hpp - what is outside of the shop: a warehouse, a bank, a carrier, a mail server and the
// books. Each keeps a file of JSON lines that only grows and is on disk before a call returns, so
// that anybody can check afterwards what has been done how often. Knows nothing of tenax's engine.
// Thread safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

struct out_of_stock : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct card_refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct bank_busy : std::runtime_error {  ///< said before anything was charged
  using std::runtime_error::runtime_error;
};
struct no_answer : std::runtime_error {  ///< was it done?
  using std::runtime_error::runtime_error;
};
struct undeliverable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct entry {
  std::string what;
  std::string key;  ///< the reference that the caller gave
  std::string of;   ///< item, card, address
  std::int64_t amount = 0;
};

/// A file that only grows. Not thread safe.
class ledger {
 public:
  explicit ledger(const std::filesystem::path& file);
  ~ledger();
  ledger(const ledger&) = delete;
  ledger& operator=(const ledger&) = delete;

  /// On disk when it returns. Throws std::system_error.
  void append(entry e);
  /// The first such entry.
  [[nodiscard]] const entry* find(const std::string& what, const std::string& key) const;
  /// Sums of the amounts, by what they are of.
  [[nodiscard]] const std::map<std::string, std::int64_t>& totals(const std::string& what) {
    return totals_[what];
  }

 private:
  void know(entry e);

  int fd_ = -1;
  std::map<std::pair<std::string, std::string>, entry> first_;         ///< by what and key
  std::map<std::string, std::map<std::string, std::int64_t>> totals_;  ///< by what and of
};

class warehouse {
 public:
  explicit warehouse(const std::filesystem::path& dir) : ledger_(dir / "stock.log") {}
  // All idempotent by key.
  void deliver(const std::string& key, const std::string& item, std::int64_t count);
  /// Throws out_of_stock.
  void reserve(const std::string& key, const std::string& item, std::int64_t count);
  /// What was reserved under this key, if anything, is free again.
  void release(const std::string& key);
  [[nodiscard]] std::int64_t available(const std::string& item);

 private:
  std::int64_t free_of(const std::string& item);
  std::mutex mutex_;
  ledger ledger_;
};

/// As banks are: it charges as often as it is told to, and sometimes does not answer.
class bank {
 public:
  explicit bank(const std::filesystem::path& dir) : ledger_(dir / "cards.log") {}
  /// The receipt's number. Throws card_refused, bank_busy, no_answer.
  std::string charge(const std::string& reference, const std::string& card, std::int64_t cents);
  /// The receipt of a charge with this reference, if there is one on the statement.
  [[nodiscard]] std::optional<std::string> find(const std::string& reference);
  /// Gives back what was charged with this reference, once. Cents.
  std::int64_t refund(const std::string& reference);

 private:
  std::mutex mutex_;
  ledger ledger_;
  unsigned calls_ = 0;
};

/// Takes `limit` parcels a quarter of a second, each once by its key.
class carrier {
 public:
  using time = std::chrono::sys_time<std::chrono::milliseconds>;
  struct answer {
    std::string tracking;
    std::optional<time> come_back_at = {};  ///< too many: nothing was done
  };
  explicit carrier(const std::filesystem::path& dir) : ledger_(dir / "shipping.log") {}
  /// Throws undeliverable.
  answer ship(const std::string& key, const std::string& address, time now);

 private:
  static constexpr int limit = 25;
  std::mutex mutex_;
  ledger ledger_;
  std::int64_t window_ = 0;
  int in_window_ = 0;
};

/// A list of things that are done once by their key: mails that went out, orders that are closed.
class once_list {
 public:
  explicit once_list(const std::filesystem::path& file) : ledger_(file) {}
  void add(const std::string& what, const std::string& key, const std::string& of);

 private:
  std::mutex mutex_;
  ledger ledger_;
};

struct world {
  explicit world(const std::filesystem::path& dir)
      : stock(dir), cards(dir), parcels(dir), mails(dir / "mails.log"), books(dir / "books.log") {}
  warehouse stock;
  bank cards;
  carrier parcels;
  once_list mails;
  once_list books;
};
