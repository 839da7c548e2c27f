# What the library is built with, gathered in one target for the project's own code. Users of an
# installed tenax need them to link only (tenax-config.cmake.in finds them again).
find_package(Threads REQUIRED)
find_package(CAF 0.17...<0.18 REQUIRED COMPONENTS core)
find_package(RocksDB CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(Protobuf REQUIRED)
find_package(XXHash REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)

set(TENAX_LINKED CAF::core RocksDB::rocksdb-shared spdlog::spdlog protobuf::libprotobuf-lite
                 XXHash::xxhash Threads::Threads)
set(TENAX_GENERATED_DIR "${PROJECT_BINARY_DIR}/generated")

add_library(tenax_internal INTERFACE)
target_include_directories(tenax_internal INTERFACE "${PROJECT_SOURCE_DIR}")
target_include_directories(tenax_internal SYSTEM INTERFACE "${TENAX_GENERATED_DIR}")
target_link_libraries(tenax_internal INTERFACE ${TENAX_LINKED} nlohmann_json::nlohmann_json)
target_compile_definitions(tenax_internal INTERFACE TENAX_VERSION="${PROJECT_VERSION}")

# For the programs. A library leaves the allocator to the program that embeds it.
if(TENAX_JEMALLOC AND (TENAX_BUILD_NODE OR TENAX_BUILD_BENCH))
  find_library(TENAX_JEMALLOC_LIBRARY jemalloc)
  if(NOT TENAX_JEMALLOC_LIBRARY)
    message(FATAL_ERROR "jemalloc is not there (package libjemalloc-dev); -DTENAX_JEMALLOC=OFF "
                        "takes the C library's allocator instead")
  endif()
  mark_as_advanced(TENAX_JEMALLOC_LIBRARY)
  add_library(tenax_allocator OBJECT "${PROJECT_SOURCE_DIR}/cmake/jemalloc.cpp")
  target_link_libraries(tenax_allocator PUBLIC "${TENAX_JEMALLOC_LIBRARY}")
endif()
