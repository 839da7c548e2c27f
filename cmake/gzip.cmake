# cmake -D from=FILE -P gzip.cmake: FILE.gz, the same for the same bytes.
file(ARCHIVE_CREATE OUTPUT "${from}.gz" PATHS "${from}" FORMAT raw COMPRESSION GZip
     COMPRESSION_LEVEL 9 MTIME "1970-01-01 00:00:01 UTC")
