/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_kit: certificates made for the test, and the server's side of TLS by
 * mbedTLS, in memory: bytes of the client go in, bytes for it come out.
 */
#pragma once

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <stdbool.h>
#include "support/peer.h"

#define TLS_KIT_PATH 108

enum tls_kit_name {
	TLS_KIT_GOOD, /* 127.0.0.1, ::1, localhost, *.wild.test */
	TLS_KIT_EXPIRED,
	TLS_KIT_FUTURE,
	TLS_KIT_OTHER,   /* other.test; its common name is 127.0.0.1 */
	TLS_KIT_UNKNOWN, /* good, but of an authority that nobody knows */
	TLS_KIT_CLIENT,
	N_TLS_KIT_NAMES,
};

/* Files in PEM: certificate and key of each name in one file. */
struct tls_kit_files {
	char dir[64];
	char ca[TLS_KIT_PATH];
	char of[N_TLS_KIT_NAMES][TLS_KIT_PATH];
};

/* Once for each program; removed by the other. */
void tls_kit_write(struct tls_kit_files *files);
void tls_kit_remove(struct tls_kit_files *files);

struct tls_kit_server {
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context random;
	mbedtls_x509_crt authority;
	mbedtls_x509_crt certificate;
	mbedtls_pk_context key;
	mbedtls_ssl_config config;
};

/* @client_ca: asks for certificates of clients of that authority; NULL: not */
void tls_kit_server_init(struct tls_kit_server *server, const char *file,
                         const char *client_ca);
void tls_kit_server_fini(struct tls_kit_server *server);

struct tls_kit_session {
	mbedtls_ssl_context ssl;
	struct peer_text in; /* of the client, not yet taken */
	struct peer_text out;
	struct peer_text received; /* in plain text */
	bool established;
	bool ended;  /* the client has said that it ends */
	int refusal; /* of mbedTLS, or 0 */
};

void tls_kit_session_init(struct tls_kit_session *session,
                          struct tls_kit_server *server);
void tls_kit_session_fini(struct tls_kit_session *session);

/* Takes the client's bytes and goes as far as it can. */
void tls_kit_session_feed(struct tls_kit_session *session, const char *bytes,
                          size_t n);
void tls_kit_session_write(struct tls_kit_session *session, const char *text,
                           size_t n);
void tls_kit_session_end(struct tls_kit_session *session); /* close_notify */

void tls_kit_append(struct peer_text *text, const char *bytes, size_t n);
void tls_kit_consume(struct peer_text *text, size_t n);
