/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer registry backup: the whole database to a file, which is there when
 * it is whole, and on disk.
 */
#include "command/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BACKUP_MODE    0600    /* addresses of notifiers are secrets */
#define BACKUP_TIME_MS 3600000 /* for all of it */
#define BACKUP_IDLE_MS 120000  /* the copy is made before the first byte */
#define PATH_SIZE      4096

struct backup {
	struct client_options client;
	struct client_call call;
	const char *path;
	char temporary[PATH_SIZE];
	int fd;
	int failed; /* negative: the file cannot be written */
};

static int on_body(struct client_call *call, struct slice bytes)
{
	struct backup *own = container_of(call, struct backup, call);

	while (bytes.n > 0) {
		ssize_t n = write(own->fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			own->failed = -errno;
			return own->failed;
		}
		bytes = slice_skip(bytes, (size_t)n);
	}
	return 0;
}

static int fetch(struct backup *own, struct client *client)
{
	int code;

	own->call.target = slice_from("/registry/backup");
	own->call.timeout_ms = own->client.timeout_ms ? 0 : BACKUP_TIME_MS;
	own->call.idle_timeout_ms = BACKUP_IDLE_MS;
	own->call.on_body = on_body;
	code = registry_fetch(client, &own->call);
	client_call_fini(&own->call);
	return code;
}

/* The whole of it gets its name. */
static void keep(struct backup *own)
{
	if (fsync(own->fd) < 0 || rename(own->temporary, own->path) < 0)
		own->failed = -errno;
}

static int complain(const struct command_io *io, const struct backup *own)
{
	(void)fprintf(io->err, "bouncer: cannot write %s: %s\n", own->temporary,
	              err_text(own->failed));
	return EXIT_TROUBLE;
}

static int write_file(const struct command_io *io, struct backup *own,
                      struct client *client)
{
	int n = snprintf(own->temporary, PATH_SIZE, "%s.tmp", own->path);
	int code;

	own->failed = n < 0 || n >= PATH_SIZE ? -ENAMETOOLONG : 0;
	if (own->failed < 0)
		return complain(io, own);
	/* whoever else made one could read the secrets */
	(void)unlink(own->temporary);
	own->fd = open(own->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	               BACKUP_MODE);
	if (own->fd < 0) {
		own->failed = -errno;
		return complain(io, own);
	}
	code = fetch(own, client);
	if (code == EXIT_OK)
		keep(own);
	(void)close(own->fd);
	if (code == EXIT_OK && own->failed == 0)
		return EXIT_OK;
	(void)unlink(own->temporary);
	return own->failed < 0 ? complain(io, own) : code;
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct backup own = { 0 };
	const struct option_row rows[] = {
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 1,
		                   .max_words = 1 };
	struct client *client = NULL;
	int code;

	if (!registry_options(&options, io, &registry_command_backup, argc,
	                      argv, &code))
		return code;
	own.path = options.words[0];
	code = client_open(&client, io, &own.client, CLIENT_CONTROL);
	if (code == EXIT_OK)
		code = client_close(client, write_file(io, &own, client));
	options_fini(&options);
	return code;
}

const struct registry_command registry_command_backup = {
	.name = "backup",
	.arguments = "FILE",
	.summary = "copy the whole database to a file",
	.help = "Makes a copy of the registry's database as it is at this "
		"moment, with its\nlog and its tokens, while it is in use. To "
		"go back to it, put it in the\nplace of registry.path while "
		"the registry is stopped, and remove the files\n-wal and "
		"-shm beside that.\n",
	.run = run,
};
