// Any bytes as keys: the decoders take exactly what the encoders make, and the byte order of two
// keys is the order of their tuples.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <tuple>

#include "storage/keys.hpp"

namespace {

using namespace tenax;
using namespace tenax::storage;

void require(bool condition) {
  if (!condition) std::abort();
}

std::string any_id(FuzzedDataProvider& in) {
  static constexpr std::string_view letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
  std::string id;
  const auto length = in.ConsumeIntegralInRange<std::size_t>(1, 6);
  for (std::size_t i = 0; i < length; ++i) {
    id.push_back(letters[in.ConsumeIntegralInRange<std::size_t>(0, letters.size() - 1)]);
  }
  return id;
}

due_entry any_due(FuzzedDataProvider& in) {
  due_entry e;
  e.at_ms = in.ConsumeIntegral<time_ms>();
  e.kind = static_cast<timer_kind>(in.ConsumeIntegralInRange<unsigned>(1, 5));
  e.workflow_id = any_id(in);
  e.action = e.kind == timer_kind::workflow_deadline
                 ? model::no_action
                 : in.ConsumeIntegralInRange<model::action_index>(0, model::no_action - 1);
  return e;
}

list_entry any_listing(FuzzedDataProvider& in) {
  list_entry e;
  e.listed_as = static_cast<model::index_class>(
      in.ConsumeIntegralInRange<unsigned>(0, model::index_class_max));
  e.created_at_ms = in.ConsumeIntegral<time_ms>();
  e.workflow_id = any_id(in);
  return e;
}

struct row {
  std::string id;
  keys::record_tag tag{};
  std::uint64_t number = 0;
  auto operator<=>(const row&) const = default;
};
row any_row(FuzzedDataProvider& in) {
  row r;
  r.id = any_id(in);
  r.tag = static_cast<keys::record_tag>(in.ConsumeIntegralInRange<unsigned>(1, 4));
  if (r.tag == keys::record_tag::page) {
    r.number = in.ConsumeIntegralInRange<std::uint32_t>(1, UINT32_MAX);
  } else if (r.tag == keys::record_tag::history) {
    r.number = in.ConsumeIntegralInRange<std::uint64_t>(1, UINT64_MAX);
  }
  return r;
}
std::string encoded(const row& r) {
  std::string key;
  switch (r.tag) {
    case keys::record_tag::state:
      keys::state(key, r.id);
      break;
    case keys::record_tag::page:
      keys::page(key, r.id, static_cast<std::uint32_t>(r.number));
      break;
    case keys::record_tag::definition:
      keys::definition(key, r.id);
      break;
    case keys::record_tag::history:
      keys::history(key, r.id, r.number);
      break;
  }
  return key;
}

void try_due(FuzzedDataProvider& in) {
  const auto a = any_due(in);
  const auto b = any_due(in);
  std::string key_a;
  std::string key_b;
  keys::due(key_a, a);
  keys::due(key_b, b);
  require((std::pair(group_of(a.kind), a) <=> std::pair(group_of(b.kind), b)) == (key_a <=> key_b));
  require(keys::decode_due(key_a) == a);
  require(!keys::decode_workflow(key_a) && !keys::decode_listing(key_a));
  const auto kind = keys::due_kind(group_of(a.kind));
  require(key_a >= keys::kind_begin(kind) && key_a < keys::kind_end(kind));
}

void try_listing(FuzzedDataProvider& in) {
  const auto a = any_listing(in);
  const auto b = any_listing(in);
  std::string key_a;
  std::string key_b;
  keys::listing(key_a, a.listed_as, a.created_at_ms, a.workflow_id);
  keys::listing(key_b, b.listed_as, b.created_at_ms, b.workflow_id);
  const auto tuple = [](const list_entry& e) {
    return std::tuple(e.listed_as, e.created_at_ms, e.workflow_id);
  };
  require((tuple(a) <=> tuple(b)) == (key_a <=> key_b));
  const auto read = keys::decode_listing(key_a);
  require(read && tuple(*read) == tuple(a));
  require(!keys::decode_workflow(key_a) && !keys::decode_due(key_a));
}

void try_row(FuzzedDataProvider& in) {
  const auto a = any_row(in);
  const auto b = any_row(in);
  const auto key_a = encoded(a);
  const auto key_b = encoded(b);
  require((a <=> b) == (key_a <=> key_b));
  const auto read = keys::decode_workflow(key_a);
  require(read && read->id == a.id && read->tag == a.tag && read->number == a.number);
  std::string from;
  std::string end;
  keys::workflow_from(from, b.id, keys::record_tag::state);
  keys::workflow_end(end, b.id);
  require((key_a >= from && key_a < end) == (a.id == b.id));
}

/// A key that a decoder takes is one that the encoder makes.
void try_bytes(const std::string& key) {
  std::string again;
  if (const auto due = keys::decode_due(key)) {
    keys::due(again, *due);
    require(again == key);
  }
  if (const auto entry = keys::decode_index(key)) {
    if (keys::decode_kind(key) == keys::kind::undecided) {
      keys::undecided(again, entry->created_at_ms, entry->workflow_id);
    } else {
      keys::reference(again, entry->hash, entry->created_at_ms, entry->workflow_id);
    }
    require(again == key);
  }
  if (const auto ended = keys::decode_ended(key)) {
    keys::ended(again, *ended);
    require(again == key);
  }
  if (const auto listing = keys::decode_listing(key)) {
    keys::listing(again, listing->listed_as, listing->created_at_ms, listing->workflow_id);
    require(again == key);
  }
  if (const auto r = keys::decode_workflow(key)) {
    require(encoded({std::string(r->id), r->tag, r->number}) == key);
  }
  for (const char c : keys::printable(key)) require(c >= 0x20 && c < 0x7f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider in(data, size);
  switch (in.ConsumeIntegralInRange<int>(0, 4)) {
    case 0:
      try_due(in);
      break;
    case 1:
      try_listing(in);
      break;
    case 2:
      try_row(in);
      break;
    case 3:
      try_bytes(in.ConsumeRemainingBytesAsString());
      break;
    default: {
      // Behind the right head, so that the rest is reached.
      static constexpr keys::kind kinds[] = {keys::kind::listing, keys::kind::meta, keys::kind::due,
                                             keys::kind::workflow};
      const auto head = keys::kind_begin(in.PickValueInArray(kinds));
      try_bytes(head + in.ConsumeRemainingBytesAsString());
      break;
    }
  }
  return 0;
}
