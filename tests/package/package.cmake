# Installs the build, moves the prefix (it must be relocatable), builds and runs tests/package/consumer
# by find_package and by pkg-config, with the warnings that users have. Arguments: see
# tests/CMakeLists.txt.
cmake_minimum_required(VERSION 3.25)
set(work "${build}/tests/package")
set(prefix "${work}/moved")
set(consumer "${CMAKE_CURRENT_LIST_DIR}/consumer")
set(warnings -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wpedantic -Werror)
list(JOIN warnings " " warning_flags)
file(REMOVE_RECURSE "${work}")

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT TIMEOUT 180
                  COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install "${build}" --prefix "${work}/installed")
file(RENAME "${work}/installed" "${prefix}")

# Nothing installed may name the build or source tree.
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH source)
cmake_path(GET source PARENT_PATH source)
file(GLOB_RECURSE files "${prefix}/*.cmake" "${prefix}/*.pc" "${prefix}/*.hpp")
foreach(file IN LISTS files)
  file(READ "${file}" text)
  foreach(path "${build}" "${source}")
    string(FIND "${text}" "${path}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${file} names ${path}")
    endif()
  endforeach()
endforeach()

run(${CMAKE_COMMAND} -S "${consumer}" -B "${work}/cmake" -G "${generator}"
    -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${compiler}
    -D CMAKE_BUILD_TYPE=${build_type} "-DCMAKE_CXX_FLAGS=${flags} ${warning_flags}"
    -D CMAKE_NO_SYSTEM_FROM_IMPORTED=ON -D tenax_wanted=${version})
run(${CMAKE_COMMAND} --build "${work}/cmake")
foreach(program IN ITEMS consumer testing_consumer typed_consumer)
  run("${work}/cmake/${program}")
endforeach()

find_program(pkg_config NAMES pkg-config pkgconf REQUIRED)
set(ENV{PKG_CONFIG_PATH} "${prefix}/${libdir}/pkgconfig")
separate_arguments(flags UNIX_COMMAND "${flags}")
function(build_by_pkg_config program package)
  execute_process(COMMAND "${pkg_config}" --cflags --libs "${package} = ${version}"
                  OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(found UNIX_COMMAND "${found}")
  run("${compiler}" -std=c++20 ${flags} ${warnings} "${consumer}/${program}.cpp"
      -o "${work}/${program}-by-pkg-config" ${found} "-Wl,-rpath,${prefix}/${libdir}")
  run("${work}/${program}-by-pkg-config")
endfunction()
build_by_pkg_config(main tenax)
build_by_pkg_config(testing tenax-testing)
build_by_pkg_config(typed tenax-testing)

# What warns differs between compilers.
find_program(clang clang++)
if(clang)
  run("${clang}" -std=c++20 -fsyntax-only ${warnings} "-I${prefix}/include"
      "${consumer}/main.cpp" "${consumer}/testing.cpp" "${consumer}/typed.cpp")
endif()
