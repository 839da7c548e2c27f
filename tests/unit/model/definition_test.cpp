#include <boost/test/unit_test.hpp>

#include "model/definition.hpp"

#include <algorithm>
#include <numeric>
#include <random>

#include "model/graph.hpp"

using namespace tenax;
using namespace tenax::model;

namespace {
using indexes = std::vector<action_index>;

workflow_spec chain(std::size_t count) {
  workflow_builder builder("chain");
  for (std::size_t i = 0; i < count; ++i) {
    builder.action("a" + std::to_string(i), "noop");
    if (i > 0) builder.after("a" + std::to_string(i - 1));
  }
  return builder.build();
}
}  // namespace

BOOST_AUTO_TEST_SUITE(definition_suite)

BOOST_AUTO_TEST_CASE(actions_without_dependencies_are_independent) {
  const auto def = compile(workflow_builder("w").action("a", "noop").action("b", "noop"));
  BOOST_TEST(def->size() == 2u);
  BOOST_TEST(def->dependencies[0].empty());
  BOOST_TEST(def->dependencies[1].empty());
  BOOST_TEST(def->dependants[0].empty());
}

/// Stored: another hash would make old listing entries wrong.
BOOST_AUTO_TEST_CASE(the_lane_of_a_type_never_changes) {
  BOOST_TEST(lane_bit("") == 0xcbf29ce484222325 % 62);
  BOOST_TEST(lane_bit("a") == 0xaf63dc4c8601ec8c % 62);
  BOOST_TEST(lane_bit("foobar") == 0x85944171f73967e8 % 62);
}

BOOST_AUTO_TEST_CASE(types_have_their_lanes_once) {
  const auto one = compile(workflow_builder("w").action("a", "x").action("b", "x"));
  BOOST_TEST((one->lanes == std::vector<std::uint8_t>{lane_bit("x")}));
  BOOST_TEST(one->lane_of.empty());
  const auto two =
      compile(workflow_builder("w").action("a", "x").action("b", "y").action("c", "x"));
  BOOST_TEST((two->lanes == std::vector<std::uint8_t>{lane_bit("x"), lane_bit("y")}));
  BOOST_TEST((two->lane_of == std::vector<std::uint8_t>{0, 1, 0}));
}

BOOST_AUTO_TEST_CASE(find_knows_every_key_and_no_other) {
  const auto def = compile(workflow_builder("w").action("a", "noop").action("b", "noop"));
  BOOST_TEST(def->find("a").value() == 0u);
  BOOST_TEST(def->find("b").value() == 1u);
  BOOST_TEST(!def->find("c"));
  BOOST_TEST(!def->find(""));
}

BOOST_AUTO_TEST_CASE(find_works_after_the_spec_was_moved_in) {
  workflow_spec spec = chain(100);
  const auto def = compile(std::move(spec));
  for (action_index i = 0; i < 100; ++i) {
    BOOST_TEST(def->find("a" + std::to_string(i)).value() == i);
  }
}

BOOST_AUTO_TEST_CASE(depends_on_becomes_edges_both_ways) {
  const auto def = compile(workflow_builder("w")
                               .action("a", "noop")
                               .action("b", "noop")
                               .action("c", "noop")
                               .after("b")
                               .after("a"));
  BOOST_TEST((def->dependencies[2] == indexes{0, 1}));
  BOOST_TEST((def->dependants[0] == indexes{2}));
  BOOST_TEST((def->dependants[1] == indexes{2}));
}

BOOST_AUTO_TEST_CASE(an_edge_named_several_times_is_one_edge) {
  const auto def = compile(workflow_builder("w")
                               .sequential()
                               .action("a", "noop")
                               .action("b", "noop", R"("${actions.a.result}")")
                               .after("a")
                               .after("a"));
  BOOST_TEST((def->dependencies[1] == indexes{0}));
  BOOST_TEST((def->dependants[0] == indexes{1}));
}

BOOST_AUTO_TEST_CASE(sequential_makes_each_action_depend_on_the_one_before) {
  const auto def = compile(workflow_builder("w")
                               .sequential()
                               .action("a", "noop")
                               .action("b", "noop")
                               .action("c", "noop"));
  BOOST_TEST(def->dependencies[0].empty());
  BOOST_TEST((def->dependencies[1] == indexes{0}));
  BOOST_TEST((def->dependencies[2] == indexes{1}));
}

BOOST_AUTO_TEST_CASE(a_reference_implies_a_dependency_and_sets_both_flags) {
  const auto def = compile(workflow_builder("w")
                               .action("a", "noop")
                               .action("b", "noop", R"({"x":["${actions.a.result.y}"]})")
                               .action("c", "noop", R"({"x":"${workflow.input.z}"})")
                               .action("d", "noop", R"({"x":"$${z}"})"));
  BOOST_TEST((def->dependencies[1] == indexes{0}));
  BOOST_TEST(def->is_referenced[0]);
  BOOST_TEST(!def->is_referenced[1]);
  BOOST_TEST(!def->has_references[0]);
  BOOST_TEST(def->has_references[1]);
  BOOST_TEST(def->has_references[2]);
  BOOST_TEST(def->dependencies[2].empty());
  BOOST_TEST(def->has_references[3], "an escape must be rendered too");
}

BOOST_AUTO_TEST_CASE(a_later_action_may_be_depended_on) {
  const auto def =
      compile(workflow_builder("w").action("a", "noop").after("b").action("b", "noop"));
  BOOST_TEST((def->dependencies[0] == indexes{1}));
  BOOST_TEST((def->dependants[1] == indexes{0}));
}

BOOST_AUTO_TEST_CASE(twenty_thousand_actions_compile) {
  const auto def = compile(chain(20'000));
  BOOST_TEST(def->dependencies[19'999].front() == 19'998u);
  BOOST_TEST(def->dependants[0].front() == 1u);
}

BOOST_AUTO_TEST_CASE(find_cycles_finds_none_in_random_acyclic_graphs) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const std::size_t count = 1 + random() % 40;
    std::vector<action_index> order(count);
    std::iota(order.begin(), order.end(), action_index{0});
    std::shuffle(order.begin(), order.end(), random);
    adjacency graph(count);
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (random() % 4 == 0) graph[order[i]].push_back(order[j]);
      }
    }
    BOOST_TEST(find_cycles(graph).empty(), "seed " << seed);
  }
}

BOOST_AUTO_TEST_CASE(find_cycles_returns_real_cycles_whenever_there_is_one) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const std::size_t count = 2 + random() % 12;
    adjacency graph(count);
    for (auto& edges : graph) {
      for (action_index to = 0; to < count; ++to) {
        if (random() % 6 == 0) edges.push_back(to);
      }
    }
    // Reachability by brute force says which actions lie on a cycle of two or more.
    std::vector<std::vector<bool>> reach(count, std::vector<bool>(count));
    for (std::size_t a = 0; a < count; ++a) {
      for (const auto b : graph[a]) reach[a][b] = true;
    }
    for (std::size_t k = 0; k < count; ++k) {
      for (std::size_t a = 0; a < count; ++a) {
        for (std::size_t b = 0; b < count; ++b) {
          if (reach[a][k] && reach[k][b]) reach[a][b] = true;
        }
      }
    }
    const auto together = [&](std::size_t a, std::size_t b) { return reach[a][b] && reach[b][a]; };
    std::size_t components = 0;
    for (std::size_t a = 0; a < count; ++a) {
      bool leads = false;
      for (std::size_t b = a + 1; b < count; ++b) leads = leads || together(a, b);
      for (std::size_t b = 0; b < a; ++b) {
        if (together(a, b)) leads = false;
      }
      if (leads) ++components;
    }
    const auto cycles = find_cycles(graph);
    BOOST_TEST(cycles.size() == components, "seed " << seed);
    for (const auto& cycle : cycles) {
      BOOST_TEST(cycle.size() >= 2u, "seed " << seed);
      for (std::size_t n = 0; n < cycle.size(); ++n) {
        const auto& edges = graph[cycle[n]];
        const auto next = cycle[(n + 1) % cycle.size()];
        BOOST_TEST((std::find(edges.begin(), edges.end(), next) != edges.end()), "seed " << seed);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
