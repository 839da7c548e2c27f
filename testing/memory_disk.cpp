#include "testing/memory_disk.hpp"

#include <rocksdb/env.h>

namespace tenax::testing {

std::shared_ptr<void> make_memory_disk() {
  return std::shared_ptr<rocksdb::Env>(rocksdb::NewMemEnv(rocksdb::Env::Default()));
}

}  // namespace tenax::testing
