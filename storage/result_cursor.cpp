#include <memory>
#include <string>
#include <string_view>

#include "storage/store.hpp"

namespace tenax::storage {

namespace {

class look_ups final : public result_cursor {
 public:
  look_ups(const read_store& store, std::string_view id) : store_(store), id_(id) {}
  [[nodiscard]] result<std::string> next(std::uint64_t seq) override {
    return store_.load_result(id_, seq);
  }

 private:
  const read_store& store_;
  const std::string id_;
};

}  // namespace

std::unique_ptr<result_cursor> read_store::results_of(std::string_view id) const {
  return std::make_unique<look_ups>(*this, id);
}

}  // namespace tenax::storage
