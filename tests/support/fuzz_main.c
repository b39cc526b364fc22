/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_main: runs a fuzz target as a plain program over files, or over every
 * file of a directory. A corpus that holds no file is a failure: it would
 * test nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	long size = -1;

	if (file && fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size >= 0)
		data = malloc((size_t)size + 1);
	if (!data || fseek(file, 0, SEEK_SET) != 0 ||
	    fread(data, 1, (size_t)size, file) != (size_t)size) {
		(void)fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	(void)fclose(file);
	(void)LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	return 1;
}

static int replay(const char *path)
{
	struct dirent *entry;
	int n_files = 0;
	DIR *dir = opendir(path);

	if (!dir)
		return replay_file(path);
	while ((entry = readdir(dir))) {
		char child[4096];
		struct stat st;

		(void)snprintf(child, sizeof(child), "%s/%s", path,
		               entry->d_name);
		if (stat(child, &st) == 0 && S_ISREG(st.st_mode))
			n_files += replay_file(child);
	}
	(void)closedir(dir);
	return n_files;
}

int main(int argc, char **argv)
{
	int n_files = 0;

	for (int i = 1; i < argc; i++)
		n_files += replay(argv[i]);
	(void)printf("%d inputs replayed\n", n_files);
	return n_files > 0 ? 0 : 1;
}
