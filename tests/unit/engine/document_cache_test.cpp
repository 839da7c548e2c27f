#include <boost/test/unit_test.hpp>

#include "actors/document_cache.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace tenax;
using namespace tenax::actors;

namespace {

model::document_ptr document(std::size_t bytes) {
  return model::parse_document("\"" + std::string(bytes, 'x') + "\"");
}
document_cache::maker makes(std::size_t bytes) {
  return [bytes] { return result<model::document_ptr>(document(bytes)); };
}
result<model::document_ptr> none() {
  BOOST_FAIL("is made although it is there");
  return model::document_ptr();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(document_cache_suite)

BOOST_AUTO_TEST_CASE(a_document_is_made_once_however_many_threads_ask) {
  constexpr std::uint64_t keys = 50;
  constexpr int threads = 4;
  document_cache cache(1u << 20);
  const auto life = cache.new_life();
  std::vector<std::atomic<int>> made(keys);
  std::vector<std::vector<model::document_ptr>> got(threads);
  std::vector<std::thread> all;
  std::atomic<int> ready = 0;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&, t] {
      for (++ready; ready < threads;) std::this_thread::yield();
      for (std::uint64_t k = 0; k < keys; ++k) {
        auto found = cache.get_or_make({life, k}, [&]() -> result<model::document_ptr> {
          ++made[k];
          return model::parse_document(std::to_string(k));
        });
        got[t].push_back(*found);
      }
    });
  }
  for (auto& t : all) t.join();
  for (std::uint64_t k = 0; k < keys; ++k) {
    BOOST_TEST(made[k] == 1);
    for (const auto& mine : got) {
      BOOST_TEST(mine[k] == got[0][k]);
      BOOST_TEST(mine[k]->tree().text(model::json_tree::root) == std::to_string(k));
    }
  }
  BOOST_TEST(cache.now().made == keys);
}

BOOST_AUTO_TEST_CASE(a_document_beyond_the_bound_is_shared_by_who_waits_and_not_kept) {
  document_cache cache(1'000);
  const document_cache::key what{cache.new_life(), 7};
  model::document_ptr seen_by_other;
  std::thread other;
  const auto mine = cache.get_or_make(what, [&]() -> result<model::document_ptr> {
    other = std::thread([&] { seen_by_other = *cache.get_or_make(what, none); });
    while (cache.now().waiting == 0) std::this_thread::yield();
    return document(2'000);
  });
  other.join();
  BOOST_TEST(*mine == seen_by_other);
  BOOST_TEST(cache.now().documents == 0u);
  BOOST_TEST(cache.now().bytes == 0u);
  BOOST_TEST((*cache.get_or_make(what, makes(10)) != *mine));
}

BOOST_AUTO_TEST_CASE(an_error_goes_to_who_waits_and_is_not_kept) {
  document_cache cache(1u << 20);
  const document_cache::key what{cache.new_life(), 0};
  std::thread other;
  std::string told;
  const auto failed = cache.get_or_make(what, [&]() -> result<model::document_ptr> {
    other = std::thread([&] { told = cache.get_or_make(what, none).error().message(); });
    while (cache.now().waiting == 0) std::this_thread::yield();
    return error(errc::corrupt, "a row is torn");
  });
  other.join();
  BOOST_TEST((failed.error().code() == errc::corrupt));
  BOOST_TEST(told == "a row is torn");
  BOOST_TEST(cache.get_or_make(what, makes(1)).has_value());
}

BOOST_AUTO_TEST_CASE(a_maker_that_throws_leaves_the_work_to_the_next) {
  document_cache cache(1u << 20);
  const document_cache::key what{cache.new_life(), 1};
  std::thread other;
  model::document_ptr made;
  BOOST_CHECK_THROW((void)cache.get_or_make(what,
                                            [&]() -> result<model::document_ptr> {
                                              other = std::thread([&] {
                                                made = *cache.get_or_make(what, makes(3));
                                              });
                                              while (cache.now().waiting == 0) {
                                                std::this_thread::yield();
                                              }
                                              throw std::runtime_error("no memory");
                                            }),
                    std::runtime_error);
  other.join();
  BOOST_REQUIRE(made);
  BOOST_TEST((*cache.get_or_make(what, none) == made));
}

BOOST_AUTO_TEST_CASE(what_is_kept_stays_within_the_bound_and_the_longest_unused_goes_first) {
  document_cache cache(10'000);
  const auto life = cache.new_life();
  for (std::uint64_t k = 1; k <= 3; ++k) {
    BOOST_REQUIRE(cache.get_or_make({life, k}, makes(2'500)).has_value());
  }
  BOOST_REQUIRE(cache.now().documents == 3u);
  BOOST_TEST(cache.get_or_make({life, 1}, none).has_value());  // used: 2 is the oldest now
  BOOST_TEST(cache.get_or_make({life, 4}, makes(2'500)).has_value());
  BOOST_TEST(cache.now().documents == 3u);
  BOOST_TEST(cache.get_or_make({life, 1}, none).has_value());
  BOOST_TEST(cache.get_or_make({life, 3}, none).has_value());
  const auto made = cache.now().made;
  BOOST_TEST(cache.get_or_make({life, 2}, makes(2'500)).has_value());
  BOOST_TEST(cache.now().made == made + 1);
  for (std::uint64_t k = 10; k < 200; ++k) {
    BOOST_REQUIRE(cache.get_or_make({life, k}, makes(k * 40)).has_value());
    BOOST_REQUIRE_LE(cache.now().bytes, 10'000u);
  }
}

BOOST_AUTO_TEST_CASE(a_workflow_submitted_anew_under_an_old_id_sees_no_old_document) {
  document_cache cache(1u << 20);
  const auto before = cache.new_life();
  const auto after = cache.new_life();
  const auto old = cache.get_or_make({before, 5}, makes(1));
  BOOST_TEST((*cache.get_or_make({after, 5}, makes(1)) != *old));
}

BOOST_AUTO_TEST_SUITE_END()
