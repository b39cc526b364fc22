/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "io/command_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "proto/http.h"

#define MAX_CONNECTIONS 16

static const char *const nothing[] = { NULL };

void speak(struct spoken *spoken, const char *const *words,
           const char *const *envp)
{
	struct command_io io = { .envp = envp ? envp : nothing };
	char *argv[KIT_MAX_WORDS + 2] = { (char *)(uintptr_t) "bouncer" };
	int argc = 1;

	for (; argc <= KIT_MAX_WORDS && words[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc - 1];
	io.out = open_memstream(&spoken->out, &spoken->n_out);
	io.err = open_memstream(&spoken->err, &spoken->n_err);
	assert_non_null(io.out);
	assert_non_null(io.err);
	spoken->code = command_main(&io, argc, argv);
	assert_int_equal(fclose(io.out), 0);
	assert_int_equal(fclose(io.err), 0);
}

void spoken_fini(struct spoken *spoken)
{
	free(spoken->out);
	free(spoken->err);
}

/* --- the server, in its own process --------------------------------------- */

struct reading {
	struct server *server;
	bool whole;
};

static int on_head(void *context, const struct http_message *message)
{
	return 0;
}

static int on_body(void *context, struct slice bytes)
{
	return 0;
}

static int on_complete(void *context)
{
	struct reading *reading = context;

	reading->whole = true;
	return 0;
}

static void remember(struct server *server, const char *bytes, size_t n)
{
	size_t room = KIT_MAX_REQUEST - 1 - server->seen->n_bytes;

	n = MIN(n, room);
	memcpy(server->seen->text + server->seen->n_bytes, bytes, n);
	server->seen->n_bytes += n;
}

/* False: the peer has closed. */
static bool read_request(struct server *server, int fd)
{
	static const struct http_parser_callbacks callbacks = { on_head,
		                                                on_body,
		                                                on_complete };
	struct reading reading = { .server = server };
	struct http_parser *parser =
		http_parser_new(HTTP_PARSE_REQUEST, &callbacks, &reading);
	char bytes[4096];
	ssize_t n = 1;

	if (!parser)
		_exit(1);
	http_parser_reset(parser, false, UINT64_MAX);
	while (!reading.whole && n > 0) {
		size_t used;

		n = read(fd, bytes, sizeof(bytes));
		if (n <= 0)
			break;
		remember(server, bytes, (size_t)n);
		if (http_parser_feed(parser, slice_make(bytes, (size_t)n),
		                     &used, NULL) != 0)
			_exit(1);
	}
	http_parser_free(parser);
	server->seen->n_requests += reading.whole;
	return reading.whole;
}

static void send_answer(int fd, const struct answer *answer)
{
	const char *body = answer->body ? answer->body : "";

	if (answer->kind == ANSWER_HANG)
		for (;;)
			(void)pause();
	if (answer->kind == ANSWER_JSON)
		(void)dprintf(fd,
		              "HTTP/1.1 %u X\r\nContent-Type: "
		              "application/json\r\nContent-Length: %zu\r\n\r\n",
		              answer->status, strlen(body));
	if (answer->kind != ANSWER_CLOSE)
		(void)dprintf(fd, "%s", body);
}

/* One request of @fd; false: it is to be closed. */
static bool serve_one(struct server *server, int fd,
                      const struct answer *answers, size_t n_answers,
                      size_t *atp)
{
	if (!read_request(server, fd) || *atp == n_answers)
		return false;
	send_answer(fd, &answers[*atp]);
	return answers[(*atp)++].kind == ANSWER_JSON;
}

/* A client may keep a connection and ask on another. */
static void serve(struct server *server, int listener,
                  const struct answer *answers, size_t n_answers)
{
	struct pollfd fds[MAX_CONNECTIONS] = { { .fd = listener,
		                                 .events = POLLIN } };
	size_t n_fds = 1;
	size_t at = 0;

	while (poll(fds, n_fds, -1) > 0) {
		for (size_t i = n_fds; i-- > 1;) {
			if (!fds[i].revents ||
			    serve_one(server, fds[i].fd, answers, n_answers,
			              &at))
				continue;
			(void)close(fds[i].fd);
			fds[i] = fds[--n_fds];
		}
		if (fds[0].revents && n_fds < MAX_CONNECTIONS)
			fds[n_fds++] =
				(struct pollfd){ .fd = accept(listener, NULL,
				                              NULL),
				                 .events = POLLIN };
	}
	_exit(1);
}

static int listen_tcp(struct server *server)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(
		bind(fd, (const struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size),
	                 0);
	(void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u",
	               (unsigned)ntohs(address.sin_port));
	return fd;
}

static int listen_unix(struct server *server, const char *directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	(void)snprintf(server->path, sizeof(server->path), "%s/control.sock",
	               directory);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s",
	               server->path);
	(void)unlink(server->path);
	assert_int_equal(
		bind(fd, (const struct sockaddr *)&address, sizeof(address)),
		0);
	return fd;
}

void server_start(struct server *server, const char *directory,
                  const struct answer *answers, size_t n_answers)
{
	int listener;

	memset(server, 0, sizeof(*server));
	server->seen = mmap(NULL, sizeof(*server->seen), PROT_READ | PROT_WRITE,
	                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(server->seen != MAP_FAILED);
	listener =
		directory ? listen_unix(server, directory) : listen_tcp(server);
	assert_int_equal(listen(listener, 8), 0);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)signal(SIGPIPE, SIG_IGN);
		serve(server, listener, answers, n_answers);
	}
	(void)close(listener);
}

void server_stop(struct server *server)
{
	int status;

	assert_int_equal(kill(server->pid, SIGKILL), 0);
	assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(munmap(server->seen, sizeof(*server->seen)), 0);
	if (server->path[0])
		(void)unlink(server->path);
}
