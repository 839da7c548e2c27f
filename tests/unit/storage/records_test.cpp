#include "storage/records.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

#include "tests/unit/storage/support.hpp"

using namespace tenax;
using namespace tenax::storage;
using namespace tenax::storage::testing;

namespace {

constexpr time_ms base_ms = 1'700'000'000'000;

model::event random_event(random_source& r) {
  const auto time = [&r] {
    return r.chance(30) ? 0 : base_ms + static_cast<time_ms>(r.below(1'000)) - 500;
  };
  model::event e;
  e.kind = static_cast<model::event_kind>(1 + r.below(model::event_kind_max));
  e.actor = static_cast<model::event_actor>(r.below(3));
  e.at_ms = time();
  e.action = r.chance(20) ? model::no_action : static_cast<model::action_index>(r.below(20'000));
  e.attempt = static_cast<std::uint32_t>(r.below(4));
  e.count = static_cast<std::uint32_t>(r.bits());
  e.due_at_ms = time();
  e.wait_ms = static_cast<std::int64_t>(r.bits());
  e.least_ms = static_cast<std::int64_t>(r.below(10));
  e.most_ms = std::numeric_limits<std::int64_t>::max();
  e.delivery = static_cast<delivery>(r.below(2));
  e.error_class = r.bytes(r.below(5));
  e.who = r.bytes(r.below(5));
  e.text = r.bytes(r.below(200));
  return e;
}

/// Some valid stored values of every kind.
std::vector<std::string> sample_values(random_source& r) {
  std::vector<std::string> out;
  std::string value;
  for (int i = 0; i < 20; ++i) {
    random_workflow w(r, random_spec(r, "w", 1 + r.below(40)));
    for (int k = 0; k < 5; ++k) w.step(10);
    records::encode_state(*w.def, w.state, value);
    out.push_back(value);
    if (w.def->size() > records::page_actions) {
      records::encode_page(w.state, 1, value);
      out.push_back(value);
    }
    records::encode_definition(*w.def, value);
    out.push_back(value);
    if (!w.changes.empty()) {
      records::encode_history(w.changes.events, value);
      out.push_back(value);
    }
    records::encode_totals({r.bits(), 1, 2, 3, 4}, value);
    out.push_back(value);
  }
  return out;
}

void decode_all(std::string_view value) {
  (void)records::decode_state("k", value);
  records::state_record header;
  header.action_count = 40;
  header.state.seq = 100;
  std::vector<model::action_state> actions;
  (void)records::decode_page("k", value, 1, header, actions);
  (void)records::decode_definition("k", "id", value);
  (void)records::decode_spec_head("k", "id", value);
  std::vector<read_store::stored_event> events;
  (void)records::decode_history("k", 1, value, events);
  (void)records::decode_number("k", value);
  (void)records::decode_totals("k", value);
  (void)records::decode_bytes("k", value);
}

/// Puts a right version and checksum before a payload, to get past the first check.
std::string sealed(std::string_view payload) {
  std::string out;
  records::encode_bytes(payload, out);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(records_test)

BOOST_AUTO_TEST_CASE(states_round_trip) {
  random_source r(1);
  for (int i = 0; i < 200; ++i) {
    random_workflow w(r, random_spec(r, "w", 1 + r.below(50)));
    for (int k = 0; k < 10; ++k) {
      w.step(1 + r.below(8));
      if (w.changes.empty()) break;
      std::string value;
      records::encode_state(*w.def, w.state, value);
      auto back = records::decode_state("key", value);
      BOOST_REQUIRE_MESSAGE(back, failure(back));
      for (std::uint32_t p = 1; p < records::page_count(w.def->size()); ++p) {
        records::encode_page(w.state, p, value);
        const auto page = records::decode_page("key", value, p, *back, back->state.actions);
        BOOST_REQUIRE_MESSAGE(page, failure(page));
      }
      BOOST_TEST(back->action_count == w.def->size());
      BOOST_TEST(back->state.counts == w.state.counts);
      model::derive(*w.def, back->state);
      BOOST_TEST(difference(back->state, w.state) == "");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_listing_entry_round_trips_and_one_without_lanes_is_of_any) {
  std::string value;
  list_entry read;
  for (const model::lane_mask lanes :
       {model::lane_mask{1}, model::lane_mask{1} << 61 | 2, model::executing_lane,
        model::executing_lane | 0x3fff'ffff'ffff'ffff}) {
    records::encode_listing("name", model::index_class::active, lanes, value);
    records::decode_listing(value, read);
    BOOST_TEST(read.name == "name");
    BOOST_TEST(read.lanes == lanes);
  }
  for (const std::string_view other :
       {std::string_view("name"), std::string_view("name\0", 5), std::string_view("name\0\1\1", 7),
        std::string_view("name\0\2\1", 7), std::string_view("name\0\x3f", 6)}) {
    records::decode_listing(other, read);
    BOOST_TEST(read.name == "name");
    BOOST_TEST(read.lanes == model::any_lane);
  }
  records::encode_listing("name", model::index_class::parked, 1, value);
  BOOST_TEST(value == "name");
}

BOOST_AUTO_TEST_CASE(extreme_numbers_of_an_action_round_trip) {
  random_source r(2);
  random_workflow w(r, random_spec(r, "w", 1));
  w.step(1);
  for (const time_ms at :
       {time_ms{0}, time_ms{1}, time_ms{-1}, w.state.created_at_ms, w.state.created_at_ms - 1,
        w.state.created_at_ms + 1, time_ms{1} << 60}) {
    auto& a = w.state.actions[0];
    a.due_at_ms = a.close_by_ms = a.started_at_ms = a.closed_at_ms = at;
    a.last_wait_ms = std::numeric_limits<std::int64_t>::min();
    a.attempt = a.failures = a.retries = a.recoveries = a.deferrals = 0xffff'ffff;
    a.delivery = delivery::at_most_once;
    a.last_error = {std::string("\0\xff", 2), "\x80"};
    std::string value;
    records::encode_state(*w.def, w.state, value);
    const auto back = records::decode_state("key", value);
    BOOST_REQUIRE(back);
    BOOST_TEST(back->state.actions[0].same_record(a));
  }
}

BOOST_AUTO_TEST_CASE(definitions_round_trip_exactly) {
  random_source r(3);
  for (int i = 0; i < 300; ++i) {
    auto spec = random_spec(r, r.id(), r.below(40));
    const auto def = model::compile(spec);
    std::string value;
    records::encode_definition(*def, value);
    const auto back = records::decode_definition("key", spec.id, value);
    BOOST_REQUIRE(back);
    BOOST_TEST((*back == spec));
    const auto head = records::decode_spec_head("key", spec.id, value);
    BOOST_REQUIRE(head);
    spec.actions.clear();
    spec.input = "null";
    BOOST_TEST((*head == spec));
  }
}

BOOST_AUTO_TEST_CASE(events_round_trip) {
  random_source r(4);
  for (int i = 0; i < 500; ++i) {
    std::vector<model::event> events(1 + r.below(10));
    for (auto& e : events) e = random_event(r);
    std::string value;
    BOOST_TEST(records::encode_history(events, value) == events.size());
    std::vector<read_store::stored_event> back;
    const auto decoded = records::decode_history("key", 7, value, back);
    BOOST_REQUIRE_MESSAGE(decoded, failure(decoded));
    BOOST_REQUIRE_EQUAL(back.size(), events.size());
    for (std::size_t e = 0; e < events.size(); ++e) {
      BOOST_TEST(back[e].seq == 7 + e);
      BOOST_TEST((back[e].event == events[e]));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_history_row_ends_after_64_kib) {
  std::vector<model::event> events(10);
  for (auto& e : events) e.kind = model::event_kind::action_completed;
  events[2].text.assign(records::history_row_bytes, 'x');
  events[3].text.assign(1 << 20, 'y');
  std::string value;
  std::span<const model::event> rest(events);
  BOOST_TEST(records::encode_history(rest, value) == 3u);
  BOOST_TEST(records::encode_history(rest.subspan(3), value) == 1u);
  BOOST_TEST(records::encode_history(rest.subspan(4), value) == 6u);
}

BOOST_AUTO_TEST_CASE(any_flipped_bit_is_found) {
  random_source r(5);
  for (const auto& value : sample_values(r)) {
    for (int i = 0; i < 20; ++i) {
      auto broken = value;
      broken[r.below(broken.size())] ^= static_cast<char>(1 << r.below(8));
      const auto decoded = records::decode_bytes("the key", broken);
      BOOST_REQUIRE(!decoded);
      BOOST_TEST((decoded.error().code() == errc::corrupt));
      BOOST_TEST(decoded.error().message().find("the key") != std::string::npos);
      decode_all(broken);
    }
  }
}

BOOST_AUTO_TEST_CASE(decoders_survive_any_bytes) {
  random_source r(6);
  const auto values = sample_values(r);
  for (int i = 0; i < 30'000; ++i) {
    std::string payload;
    if (r.chance(20)) {
      payload = r.bytes(r.below(100));
    } else {
      payload = values[r.below(values.size())].substr(5);
      for (auto n = 1 + r.below(3); n > 0 && !payload.empty(); --n) {
        const auto at = r.below(payload.size());
        if (r.chance(20)) {
          payload.resize(at);
        } else {
          payload[at] = static_cast<char>(r.bits());
        }
      }
    }
    decode_all(sealed(payload));
    decode_all(payload);
  }
}

BOOST_AUTO_TEST_CASE(decoders_check_ranges_and_say_what_and_where) {
  const auto refuses = [](std::string_view payload, std::string_view what, auto decode) {
    const auto decoded = decode(sealed(payload));
    BOOST_REQUIRE(!decoded);
    BOOST_TEST((decoded.error().code() == errc::corrupt));
    BOOST_TEST_CONTEXT(decoded.error().message()) {
      BOOST_TEST(decoded.error().message().find(what) != std::string::npos);
      BOOST_TEST(decoded.error().message().find("the key") != std::string::npos);
    }
  };
  const auto state = [](std::string_view v) { return records::decode_state("the key", v); };
  const auto history = [](std::string_view v) {
    std::vector<read_store::stored_event> events;
    return records::decode_history("the key", 1, v, events);
  };
  const auto definition = [](std::string_view v) {
    return records::decode_definition("the key", "id", v);
  };
  // action_count 1, seq 1, one action with phase 13
  refuses("\x08\x01\x18\x01\x6a\x02\x08\x0d", "phase 13", state);
  refuses("\x08\x01\x10\x05\x18\x01\x6a", "not a record", state);
  refuses(std::string_view("\x08\x01\x10\x05\x18\x01\x6a\x00", 8), "status 5", state);
  refuses(std::string_view("\x08\x01\x6a\x00", 4), "before the first event", state);
  refuses(std::string_view("\x08\x02\x18\x01\x6a\x00", 6), "incomplete", state);
  refuses(std::string_view("\x08\x01\x18\x01\x48\x02\x6a\x00", 8), "failed action", state);
  refuses("\x08\x01\x18\x01\x6a\x02\x28\x02", "result_seq", state);
  refuses("", "without events", history);
  refuses("\x12\x02\x08\x1e", "kind 30", history);
  refuses("\x12\x04\x08\x01\x10\x03", "actor 3", history);
  refuses("", "length", definition);
  refuses("\x05\x01", "length", definition);
  // head of 2 bytes: order 2
  refuses("\x02\x20\x02", "order 2", definition);
  // empty head, one action that depends on action 1
  refuses(std::string_view("\x00\x12\x03\x22\x01\x01", 6), "depends on", definition);
}

BOOST_AUTO_TEST_CASE(a_newer_record_version_is_named) {
  auto value = sealed("x");
  value[0] = 3;
  const auto decoded = records::decode_bytes("the key", value);
  BOOST_REQUIRE(!decoded);
  BOOST_TEST(decoded.error().message().find("version 3") != std::string::npos);
}

/// A program that does not know changes must not go on with what was before them.
BOOST_AUTO_TEST_CASE(only_records_that_hold_a_change_have_the_version_that_older_programs_refuse) {
  random_source r(1);
  workflow_spec spec;
  spec.id = "w";
  spec.name = "n";
  for (int a = 0; a < 20; ++a) spec.actions.push_back({"k" + std::to_string(a), "t"});
  random_workflow w(r, std::move(spec));
  w.changes.begin(w.state);
  model::event e;
  e.kind = model::event_kind::workflow_created;
  w.apply(e);
  const auto versions = [&] {
    std::string state;
    std::string page;
    records::encode_state(*w.def, w.state, state);
    records::encode_page(w.state, 1, page);
    return std::pair(int{state[0]}, int{page[0]});
  };
  BOOST_TEST((versions() == std::pair(1, 1)));
  e.action = 18;
  e.kind = model::event_kind::input_changed;
  e.text = "{}";
  w.apply(e);
  BOOST_TEST((versions() == std::pair(1, 2)));
  e.action = 3;
  e.kind = model::event_kind::policy_changed;
  e.text = R"({"max_attempts":5,"min_wait_ms":0,"on_exhausted":"pause"})";
  w.apply(e);
  BOOST_TEST((versions() == std::pair(2, 2)));
  std::string value;
  records::encode_state(*w.def, w.state, value);
  const auto back = records::decode_state("the key", value);
  BOOST_REQUIRE(back);
  BOOST_TEST(back->state.actions[3].same_record(w.state.actions[3]));
  BOOST_TEST(*back->state.actions[3].change->policy.max_attempts == 5U);
}

BOOST_AUTO_TEST_SUITE_END()
