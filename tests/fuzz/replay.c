/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The main program of a fuzz target where libFuzzer is not: feeds every file
 * of the directories given as arguments to LLVMFuzzerTestOneInput(), after one
 * empty input. Without arguments, as make check runs it, the directory is
 * tests/fuzz/corpus/<name of the program> in the source tree ($srcdir).
 *
 * Each input lies in a heap block of exactly its size, so that a sanitizer
 * sees the first byte read beyond it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	struct stat st;
	uint8_t *data;
	size_t size;
	FILE *file;

	file = fopen(path, "rb");
	if (file == NULL || fstat(fileno(file), &st) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		if (file != NULL)
			fclose(file);
		return -1;
	}
	size = st.st_size;
	data = malloc(size);
	if ((data == NULL && size != 0) || fread(data, 1, size, file) != size) {
		fprintf(stderr, "%s: cannot read it whole\n", path);
		free(data);
		fclose(file);
		return -1;
	}
	fclose(file);
	/* The name of the input that crashes is the last one printed. */
	printf("%s (%zu bytes)\n", path, size);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

/* Returns how many inputs the directory held, or -1. */
static long replay_directory(const char *dir)
{
	struct dirent *entry;
	struct stat st;
	char path[4096];
	long count = 0;
	DIR *handle;

	handle = opendir(dir);
	if (handle == NULL) {
		fprintf(stderr, "%s: %s\n", dir, strerror(errno));
		return -1;
	}
	while ((entry = readdir(handle)) != NULL) {
		if (snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) >= (int)sizeof(path))
			continue;
		if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
			continue;
		if (replay_file(path) != 0) {
			count = -1;
			break;
		}
		count++;
	}
	closedir(handle);
	return count;
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir");
	const char *name = strrchr(argv[0], '/');
	char corpus[4096];
	long total = 0;
	long count;
	int i;

	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	if (argc < 2) {
		snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".",
			 name ? name + 1 : argv[0]);
		total = replay_directory(corpus);
	}
	for (i = 1; i < argc && total >= 0; i++) {
		count = replay_directory(argv[i]);
		total = count < 0 ? -1 : total + count;
	}
	if (total < 0)
		return 1;
	if (total == 0) {
		fprintf(stderr, "no inputs: the corpus is missing\n");
		return 1;
	}
	printf("%ld inputs\n", total);
	return 0;
}
