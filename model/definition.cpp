#include "model/definition.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "model/assert.hpp"
#include "model/failpoint.hpp"
#include "model/fnv.hpp"
#include "model/references.hpp"

namespace tenax::model {

std::optional<action_index> definition::find(std::string_view key) const {
  const auto found = std::lower_bound(
      by_key.begin(), by_key.end(), key,
      [this](action_index a, std::string_view k) { return spec.actions[a].key < k; });
  if (found == by_key.end() || spec.actions[*found].key != key) return std::nullopt;
  return *found;
}

std::uint8_t lane_bit(std::string_view type) noexcept {
  return static_cast<std::uint8_t>(fnv1a(type) % lane_bits);
}

namespace {

void find_lanes(definition& def) {
  std::vector<std::uint8_t> all;
  all.reserve(def.size());
  const std::string* last = nullptr;  // mostly the same again
  for (const auto& a : def.spec.actions) {
    if (last == nullptr || *last != a.type) {
      const auto bit = lane_bit(a.type);
      const auto known = std::find(def.lanes.begin(), def.lanes.end(), bit);
      all.push_back(static_cast<std::uint8_t>(known - def.lanes.begin()));
      if (known == def.lanes.end()) def.lanes.push_back(bit);
    } else {
      all.push_back(all.back());
    }
    last = &a.type;
  }
  if (def.lanes.size() > 1) def.lane_of = std::move(all);
}

/// Of what an object holds on the heap; short strings lie in the object itself.
std::size_t heap_bytes(const std::string& s) { return s.capacity() > 15 ? s.capacity() + 1 : 0; }
template <class T>
std::size_t heap_bytes(const std::vector<T>& v) {
  return v.capacity() * sizeof(T);
}

std::size_t memory_bytes(const definition& def) {
  const auto& spec = def.spec;
  std::size_t sum = sizeof def + heap_bytes(spec.input) + heap_bytes(spec.description) +
                    heap_bytes(spec.actions) + heap_bytes(def.dependencies) +
                    heap_bytes(def.dependants) + heap_bytes(def.by_key) + heap_bytes(def.lane_of) +
                    def.size() / 4;
  for (const auto& a : spec.actions) {
    sum += heap_bytes(a.key) + heap_bytes(a.type) + heap_bytes(a.input) + heap_bytes(a.reason) +
           heap_bytes(a.depends_on);
    for (const auto& key : a.depends_on) sum += heap_bytes(key);
  }
  for (const auto& d : def.dependencies) sum += heap_bytes(d);
  for (const auto& d : def.dependants) sum += heap_bytes(d);
  return sum;
}

}  // namespace

definition_ptr compile(workflow_spec spec) {
  auto def = std::make_shared<definition>();
  def->spec = std::move(spec);
  const auto& actions = def->spec.actions;
  const auto count = static_cast<action_index>(actions.size());
  def->dependencies.resize(count);
  def->dependants.resize(count);
  def->has_references.resize(count);
  def->is_referenced.resize(count);
  def->by_key.resize(count);
  std::iota(def->by_key.begin(), def->by_key.end(), action_index{0});
  std::sort(def->by_key.begin(), def->by_key.end(),
            [&](action_index a, action_index b) { return actions[a].key < actions[b].key; });

  const auto index_of = [&](std::string_view key) {
    const auto found = def->find(key);
    TENAX_ASSERT(found.has_value(), "compile takes specs that validate accepted");
    return *found;
  };
  for (action_index i = 0; i < count; ++i) {
    auto& needs = def->dependencies[i];
    for (const auto& key : actions[i].depends_on) needs.push_back(index_of(key));
    if (TENAX_PLANTED(11) && needs.size() > 1) needs.pop_back();
    if (def->spec.order == action_order::sequential && i > 0) needs.push_back(i - 1);
    const reference_scan scan = scan_references(actions[i].input);
    def->has_references[i] = scan.any;
    for (const auto& key : scan.action_keys) {
      needs.push_back(index_of(key));
      def->is_referenced[needs.back()] = true;
    }
    std::sort(needs.begin(), needs.end());
    needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
    for (const action_index need : needs) def->dependants[need].push_back(i);
  }
  find_lanes(*def);
  def->bytes = memory_bytes(*def);
  return def;
}

}  // namespace tenax::model
