#include "bench/shapes.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "bench/load.hpp"
#include "bench/machine.hpp"
#include "bench/sleepers.hpp"
#include "model/decide.hpp"
#include "model/seams.hpp"
#include "storage/keys.hpp"
#include "storage/store.hpp"

namespace tenax::bench {

namespace {

// No other row of a recorded commit holds this text.
constexpr std::string_view stand_in_id = "zzzzzzzzzzzzzzzzzzzzzzzzzz";
static_assert(stand_in_id.size() == id_bytes);

/// Drives the model as the engine does, and keeps what it would commit.
class recorder {
 public:
  explicit recorder(workflow_spec spec) : rules_(handlers_, policy_, bounds_), random_(1) {
    spec.id = stand_in_id;
    spec.reference = "1023";
    for (const char* type : {"step", "wait"}) {
      handlers_.add(type, [](const action_context&) { return outcome::success(); });
    }
    def_ = model::compile(std::move(spec));
    state_ = model::initial_state(*def_);
    changes_.begin(state_);
    decide(model::create{});
    commit();
  }

  void complete(model::action_index a) {
    decide(model::begin_attempt{a, 1, 0, now_ms_});
    decide(model::end_attempt{a, 1, outcome::success(def_->spec.actions[a].input)});
  }
  void sleep(model::action_index a, milliseconds how_long) {
    decide(model::begin_attempt{a, 1, 0, now_ms_});
    decide(model::end_attempt{a, 1, outcome::defer(wall_time(milliseconds(now_ms_)) + how_long)});
  }
  void commit() {
    if (changes_.empty()) return;
    storage::write_batch batch;
    storage::encode_commit(*def_, state_, changes_, batch);
    changes_.begin(state_);
    shape_.emplace_back(batch);
    now_ms_ += 7;
  }
  workflow_shape take() { return std::move(shape_); }

 private:
  void decide(const model::command& what) {
    decision_.clear();
    model::decide(*def_, state_, what, now_ms_, random_, rules_, decision_);
    for (auto& e : decision_.events) model::apply(*def_, state_, std::move(e), changes_);
  }

  handler_registry handlers_;
  retry_policy policy_;
  limits bounds_;
  model::rulebook rules_;
  model::seeded_rng random_;
  model::definition_ptr def_;
  model::workflow_state state_;
  model::change_set changes_;
  model::decision decision_;
  workflow_shape shape_;
  model::time_ms now_ms_ = wall_ms();
};

}  // namespace

void put_id(char* out, std::uint64_t number) noexcept {
  std::memset(out, '0', id_bytes);
  for (std::size_t i = id_bytes; number > 0 && i > 0; number /= 10) {
    out[--i] = static_cast<char>('0' + number % 10);
  }
}

commit_shape::commit_shape(const storage::write_batch& recorded) {
  recorded.each([&](storage::write_batch::op what, std::string_view key, std::string_view value) {
    // Not kept without retention.
    if (storage::keys::decode_kind(key) == storage::keys::kind::ended) return;
    const std::size_t at = key.find(stand_in_id);
    require(at != std::string_view::npos, "a row of a workflow without its id");
    add({what, std::string(key), at, std::string(value)});
  });
}

commit_shape::commit_shape(std::string key, std::size_t id_at, std::string value) {
  add({storage::write_batch::op::put, std::move(key), id_at, std::move(value)});
}

void commit_shape::add(one_row r) {
  bytes_ += r.key.size() + r.value.size();
  rows_.push_back(std::move(r));
}

void commit_shape::append_to(rocksdb::WriteBatch& out, const char* id) const {
  char key[128];
  for (const auto& r : rows_) {
    std::memcpy(key, r.key.data(), r.key.size());
    std::memcpy(key + r.id_at, id, id_bytes);
    const rocksdb::Slice k(key, r.key.size());
    const auto status =
        r.what == storage::write_batch::op::put ? out.Put(k, r.value) : out.Delete(k);
    status.PermitUncheckedError();
  }
}

void commit_shape::append_to(sorted_rows& out, const char* id) const {
  for (const auto& r : rows_) {
    out.add(r.what == storage::write_batch::op::put, r.key, r.id_at, id, r.value);
  }
}

void sorted_rows::add(bool put, std::string_view key, std::size_t id_at, const char* id,
                      std::string_view value) {
  const auto at = static_cast<std::uint32_t>(keys_.size());
  keys_.append(key);
  std::memcpy(keys_.data() + at + id_at, id, id_bytes);
  entries_.push_back({at, static_cast<std::uint32_t>(key.size()),
                      static_cast<std::uint32_t>(entries_.size()), put, value});
}

void sorted_rows::write_to(rocksdb::WriteBatch& out) {
  const std::string_view all(keys_);
  const auto key_of = [all](const entry& e) { return all.substr(e.at, e.key_bytes); };
  std::sort(entries_.begin(), entries_.end(), [&](const entry& a, const entry& b) {
    const int order = key_of(a).compare(key_of(b));
    return order != 0 ? order < 0 : a.position < b.position;
  });
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const auto& e = entries_[i];
    const auto key = key_of(e);
    if (i + 1 < entries_.size() && key_of(entries_[i + 1]) == key) continue;
    const rocksdb::Slice k(key.data(), key.size());
    const auto status =
        e.put ? out.Put(k, rocksdb::Slice(e.value.data(), e.value.size())) : out.Delete(k);
    status.PermitUncheckedError();
  }
  keys_.clear();
  entries_.clear();
}

workflow_shape record_sequential(const params& p, std::uint64_t seed) {
  fast_random random(seed);
  recorder r(sequential_maker(p)(random));
  for (std::size_t a = 0; a < p.steps; ++a) {
    r.complete(static_cast<model::action_index>(a));
    r.commit();
  }
  return r.take();
}

workflow_shape record_fan_out(const params& p, std::size_t group, std::uint64_t seed) {
  fast_random random(seed);
  recorder r(fan_out_maker(p)(random));
  for (std::size_t a = 0; a < p.fan; ++a) {
    r.complete(static_cast<model::action_index>(a));
    if ((a + 1) % std::max<std::size_t>(group, 1) == 0) r.commit();
  }
  r.commit();
  r.complete(static_cast<model::action_index>(p.fan));
  r.commit();
  return r.take();
}

workflow_shape record_sleeper(std::uint64_t seed) {
  fast_random random(seed);
  const auto sleep_ms = static_cast<std::int64_t>(100'000 + random.next() % 60'000);
  recorder r(sleeper(sleep_ms));
  r.sleep(0, milliseconds(sleep_ms));
  r.commit();
  return r.take();
}

std::size_t bytes_of(const workflow_shape& s) noexcept {
  std::size_t total = 0;
  for (const auto& c : s) total += c.bytes();
  return total;
}

std::size_t rows_of(const workflow_shape& s) noexcept {
  std::size_t total = 0;
  for (const auto& c : s) total += c.rows();
  return total;
}

}  // namespace tenax::bench
