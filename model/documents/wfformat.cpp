// WfFormat 1.5 (https://wfcommons.org/format) as a workflow: one action per task.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "model/definition.hpp"
#include "model/documents/doc_reader.hpp"
#include "model/validate.hpp"
#include "tenax/spec.hpp"

namespace tenax::model {

namespace {

constexpr std::string_view read_version = "1.5";
constexpr std::size_t key_bytes_max = 128;

struct task {
  std::string_view id;
  std::string_view name;
  json_at parents = 0;  // 0 (the document): none to read
  json_at children = 0;
};

struct edge {
  action_index parent;
  action_index child;
  std::size_t element;  // of the list that names it
  auto operator<=>(const edge&) const = default;
};
bool before(const edge& a, const edge& b) {
  return std::pair(a.parent, a.child) < std::pair(b.parent, b.child);
}

bool same(const edge& a, const edge& b) { return a.parent == b.parent && a.child == b.child; }

std::string fitting(std::string_view text, std::size_t bytes_max) {
  std::string out(utf8_prefix(text, bytes_max));
  std::replace(out.begin(), out.end(), '\0', ' ');
  return out;
}

/// Makes action keys of task ids: valid ones stay, the others are made valid and unique.
class key_maker {
 public:
  void reserve(std::string_view id) {
    if (valid_id(id)) taken_.insert(std::string(id));
  }
  std::string make(std::string_view id) {
    if (valid_id(id)) return std::string(id);
    std::string key = made_valid(id);
    // Room for the number, so that keys that differ only at their end share one counter.
    const std::string stem = key.substr(0, key_bytes_max - 8);
    while (!taken_.insert(key).second) key = stem + "_" + std::to_string(++counters_[stem] + 1);
    return key;
  }

 private:
  static std::string made_valid(std::string_view id) {
    std::string key;
    for (std::size_t at = 0; at < id.size() && key.size() < key_bytes_max;) {
      const std::size_t length = std::max<std::size_t>(1, utf8_length(id, at));
      const bool plain = length == 1 && valid_id(std::string("x") + id[at]);
      key += plain ? id[at] : '_';
      at += length;
    }
    return key == "." || key == ".." ? std::string(key.size(), '_') : key;
  }

  std::unordered_set<std::string> taken_;
  std::unordered_map<std::string, std::size_t> counters_;
};

class trace_reader {
 public:
  trace_reader(const trace_options& options, const limits& bounds)
      : options_(options), bounds_(bounds) {}
  result<workflow_spec> run(std::string_view json);

 private:
  bool check_version();
  void read_workflow();
  bool read_tasks(json_at list, const doc_path& path);
  void read_edges(const doc_path& path);
  void read_edge_list(json_at list, std::size_t index, bool parents, const doc_path& path,
                      std::vector<edge>& to);
  void compare_edges(const doc_path& path);
  void read_runtimes(json_at workflow, const doc_path& path, const doc_path& tasks_path);
  void make_actions();

  const trace_options& options_;
  const limits& bounds_;
  doc_reader doc_;
  workflow_spec spec_;
  std::vector<task> tasks_;
  std::unordered_map<std::string_view, action_index> by_id_;
  std::vector<edge> by_parents_;   // as the children tell
  std::vector<edge> by_children_;  // as the parents tell
  std::vector<double> seconds_;
};

bool trace_reader::check_version() {
  const doc_path root;
  if (!doc_.expect(json_tree::root, json_kind::object, root)) return false;
  const auto version = doc_.required(json_tree::root, "schemaVersion", json_kind::string, root);
  if (!version) return false;
  if (doc_.tree.text(*version) == read_version) return true;
  doc_.fault_at({root, "schemaVersion"},
                "WfFormat " + shown(doc_.tree.text(*version)) + " is not supported, only \"1.5\"");
  return false;
}

bool trace_reader::read_tasks(json_at list, const doc_path& path) {
  const std::size_t count = doc_.tree.child_count(list);
  if (count == 0) doc_.fault_at(path, "a trace needs at least one task");
  if (count > bounds_.actions_max) {
    doc_.fault_at(path, std::to_string(count) + " tasks, more than actions_max (" +
                            std::to_string(bounds_.actions_max) + ")");
    return false;
  }
  tasks_.reserve(count);
  doc_.tree.for_each_child(list, [&](json_at node) {
    const auto index = static_cast<action_index>(tasks_.size());
    const doc_path at(path, index);
    task& added = tasks_.emplace_back();
    if (!doc_.expect(node, json_kind::object, at)) return;
    if (const auto id = doc_.required(node, "id", json_kind::string, at)) {
      added.id = doc_.tree.text(*id);
      const auto [first, is_new] = by_id_.emplace(added.id, index);
      if (added.id.empty()) {
        doc_.fault_at({at, "id"}, "the id is empty");
      } else if (!is_new) {
        doc_.fault_at({at, "id"}, "duplicate id " + shown(added.id) + ", first at " +
                                      doc_path(doc_path(path, first->second), "id").pointer());
      }
    }
    if (const auto name = doc_.required(node, "name", json_kind::string, at)) {
      added.name = doc_.tree.text(*name);
    }
    added.parents = doc_.required(node, "parents", json_kind::array, at).value_or(0);
    added.children = doc_.required(node, "children", json_kind::array, at).value_or(0);
  });
  return true;
}

void trace_reader::read_edge_list(json_at list, std::size_t index, bool parents,
                                  const doc_path& path, std::vector<edge>& to) {
  if (list == 0) return;
  const doc_path task_path(path, index);
  const doc_path list_path(task_path, parents ? "parents" : "children");
  std::size_t element = 0;
  doc_.tree.for_each_child(list, [&](json_at node) {
    const doc_path at(list_path, element++);
    const auto id = doc_.text(node, at);
    if (!id) return;
    const auto found = by_id_.find(*id);
    if (found == by_id_.end()) {
      doc_.fault_at(at, "there is no task " + shown(*id));
    } else if (found->second == index) {
      doc_.fault_at(at, "a task cannot be its own parent");
    } else {
      const auto self = static_cast<action_index>(index);
      to.push_back(parents ? edge{found->second, self, element - 1}
                           : edge{self, found->second, element - 1});
    }
  });
}

void trace_reader::compare_edges(const doc_path& path) {
  for (std::vector<edge>* edges : {&by_parents_, &by_children_}) {
    std::sort(edges->begin(), edges->end());
    edges->erase(std::unique(edges->begin(), edges->end(), same), edges->end());
  }
  std::vector<edge> only;
  std::set_difference(by_parents_.begin(), by_parents_.end(), by_children_.begin(),
                      by_children_.end(), std::back_inserter(only), before);
  for (const edge& e : only) {
    if (tasks_[e.parent].children == 0) continue;  // that list is a fault already
    const doc_path task_path(path, e.child);
    const doc_path list_path(task_path, "parents");
    doc_.fault_at({list_path, e.element},
                  shown(tasks_[e.parent].id) + " does not name this task among its children");
  }
  only.clear();
  std::set_difference(by_children_.begin(), by_children_.end(), by_parents_.begin(),
                      by_parents_.end(), std::back_inserter(only), before);
  for (const edge& e : only) {
    if (tasks_[e.child].parents == 0) continue;
    const doc_path task_path(path, e.parent);
    const doc_path list_path(task_path, "children");
    doc_.fault_at({list_path, e.element},
                  shown(tasks_[e.child].id) + " does not name this task among its parents");
  }
}

void trace_reader::read_edges(const doc_path& path) {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    read_edge_list(tasks_[i].parents, i, true, path, by_parents_);
    read_edge_list(tasks_[i].children, i, false, path, by_children_);
  }
  compare_edges(path);
}

void trace_reader::read_runtimes(json_at workflow, const doc_path& path,
                                 const doc_path& tasks_path) {
  const auto execution = doc_.required(workflow, "execution", json_kind::object, path);
  if (!execution) return;
  const doc_path execution_path(path, "execution");
  const auto list = doc_.required(*execution, "tasks", json_kind::array, execution_path);
  if (!list) return;
  const doc_path list_path(execution_path, "tasks");
  seconds_.resize(tasks_.size());
  std::vector<bool> seen(tasks_.size());
  std::size_t index = 0;
  doc_.tree.for_each_child(*list, [&](json_at node) {
    const doc_path at(list_path, index++);
    if (!doc_.expect(node, json_kind::object, at)) return;
    const auto id = doc_.required(node, "id", json_kind::string, at);
    if (!id) return;
    // Systems also record what is no task of the workflow, such as transfers.
    const auto known = by_id_.find(doc_.tree.text(*id));
    if (known == by_id_.end()) return;
    if (seen[known->second]) {
      doc_.fault_at({at, "id"}, "duplicate id " + shown(known->first));
      return;
    }
    seen[known->second] = true;
    const auto runtime = doc_.required(node, "runtimeInSeconds", json_kind::number, at);
    if (!runtime) return;
    const double seconds = doc_.tree.number(*runtime);
    const double scaled = seconds * options_.time_scale;
    const doc_path runtime_path(at, "runtimeInSeconds");
    if (seconds < 0) {
      doc_.fault_at(runtime_path, "a runtime cannot be negative");
    } else if (!std::isfinite(scaled)) {
      doc_.fault_at(runtime_path, "out of range when multiplied by time_scale");
    } else {
      seconds_[known->second] = scaled + 0.0;  // makes -0.0 a plain 0.0
    }
  });
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    const auto known = by_id_.find(tasks_[i].id);
    if (seen[i] || known == by_id_.end() || known->second != i) continue;
    doc_.fault_at({tasks_path, i},
                  "no runtime: /workflow/execution/tasks has no " + shown(tasks_[i].id));
  }
}

void trace_reader::make_actions() {
  key_maker keys;
  for (const task& t : tasks_) keys.reserve(t.id);
  spec_.actions.reserve(tasks_.size());
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    action_spec& action = spec_.actions.emplace_back();
    action.key = keys.make(tasks_[i].id);
    action.type = options_.action_type;
    action.input = "{\"seconds\":" + json_number(seconds_[i]) + "}";
    action.reason = fitting(tasks_[i].name, bounds_.text_bytes_max);
  }
  // In the order of each task's own list.
  std::sort(by_parents_.begin(), by_parents_.end(), [](const edge& a, const edge& b) {
    return std::pair(a.child, a.element) < std::pair(b.child, b.element);
  });
  for (const edge& e : by_parents_) {
    spec_.actions[e.child].depends_on.push_back(spec_.actions[e.parent].key);
  }
}

void trace_reader::read_workflow() {
  const doc_path root;
  if (!check_version()) return;
  const auto text_or = [&](std::string_view name, std::string_view fallback) {
    const auto node = doc_.tree.member(json_tree::root, name);
    const bool usable =
        node && doc_.tree.is(*node, json_kind::string) && !doc_.tree.text(*node).empty();
    return fitting(usable ? doc_.tree.text(*node) : fallback, bounds_.text_bytes_max);
  };
  spec_.name = text_or("name", "trace");
  spec_.description = text_or("description", "");
  const auto workflow = doc_.required(json_tree::root, "workflow", json_kind::object, root);
  if (!workflow) return;
  const doc_path path(root, "workflow");
  const auto specification = doc_.required(*workflow, "specification", json_kind::object, path);
  if (!specification) return;
  const doc_path specification_path(path, "specification");
  const auto list = doc_.required(*specification, "tasks", json_kind::array, specification_path);
  if (!list) return;
  const doc_path tasks_path(specification_path, "tasks");
  if (!read_tasks(*list, tasks_path)) return;
  read_edges(tasks_path);
  read_runtimes(*workflow, path, tasks_path);
  if (doc_.faults.empty()) make_actions();
}

result<workflow_spec> trace_reader::run(std::string_view json) {
  if (!std::isfinite(options_.time_scale) || options_.time_scale < 0) {
    return error(errc::invalid_argument, "time_scale must be a number of at least 0");
  }
  if (doc_.open(json, bounds_)) read_workflow();
  if (!doc_.faults.empty()) return invalid_spec_error("the trace", doc_.faults.take());
  return std::move(spec_);
}

}  // namespace
}  // namespace tenax::model

namespace tenax {

result<workflow_spec> parse_trace(std::string_view json, const trace_options& options,
                                  const limits& bounds) {
  return model::trace_reader(options, bounds).run(json);
}

bool is_trace(std::string_view json) {
  return model::has_members(json, {"workflow", "schemaVersion"});
}

}  // namespace tenax
