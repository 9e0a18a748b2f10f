/* Sends messages with libmosquitto. The key of the device is in the TPM; the agent gives the tokens.
 *
 *   apt-get install gcc libmosquitto-dev
 *   gcc -Wall -Wextra -Werror -O2 -o send send.c -lmosquitto
 *   ./send
 */
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_BYTES = 8192 };

struct identity {
    char host[256];
    char device[129];
    char token[1024];
};

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

/* One HTTP/1.0 request, so that the agent closes the connection at the end of its answer. */
static int ask_agent(char *answer, size_t size)
{
    static const char request[] = "GET /token?format=lines HTTP/1.0\r\nHost: localhost\r\n\r\n";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = 0;
    ssize_t count;
    int agent = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", setting("HOMEPORT_AGENT_SOCKET", "/run/homeport/agent.sock"));
    if (agent < 0 || connect(agent, (struct sockaddr *)&address, sizeof address) != 0) {
        perror(address.sun_path);
        if (agent >= 0)
            close(agent);
        return -1;
    }
    if (write(agent, request, sizeof request - 1) != (ssize_t)(sizeof request - 1)) {
        close(agent);
        return -1;
    }
    while (length + 1 < size && (count = read(agent, answer + length, size - length - 1)) > 0)
        length += (size_t)count;
    close(agent);
    answer[length] = '\0';
    if (strstr(answer, " 200 OK\r\n") == NULL) {
        fprintf(stderr, "the agent refused:\n%s\n", answer);
        return -1;
    }
    return 0;
}

static int line(const char *answer, const char *name, char *value, size_t size)
{
    const char *start = strstr(answer, name);
    size_t length;

    if (start == NULL)
        return -1;
    start += strlen(name);
    length = strcspn(start, "\n");
    if (length >= size)
        return -1;
    memcpy(value, start, length);
    value[length] = '\0';
    return 0;
}

static int get_identity(struct identity *identity)
{
    char answer[ANSWER_BYTES];

    if (ask_agent(answer, sizeof answer) != 0)
        return -1;
    return line(answer, "\nhostName=", identity->host, sizeof identity->host)
        || line(answer, "\ndeviceId=", identity->device, sizeof identity->device)
        || line(answer, "\ntoken=", identity->token, sizeof identity->token);
}

static int published;
static int refused;

static void on_connect(struct mosquitto *client, void *data, int code)
{
    (void)client;
    (void)data;
    if (code != 0) {
        fprintf(stderr, "the hub refused: %s\n", mosquitto_connack_string(code));
        refused = 1;
    }
}

static void on_publish(struct mosquitto *client, void *data, int message)
{
    (void)client;
    (void)data;
    (void)message;
    published++;
}

int main(int argc, char **argv)
{
    struct identity identity;
    char user[512], topic[256], body[64];
    int count = argc > 1 ? atoi(argv[1]) : 3, number, tries;
    struct mosquitto *client;

    if (get_identity(&identity) != 0)
        return 1;
    snprintf(user, sizeof user, "%s/%s/?api-version=2021-04-12", identity.host, identity.device);
    snprintf(topic, sizeof topic, "devices/%s/messages/events/", identity.device);
    mosquitto_lib_init();
    client = mosquitto_new(identity.device, false, NULL);
    mosquitto_connect_callback_set(client, on_connect);
    mosquitto_publish_callback_set(client, on_publish);
    if (mosquitto_username_pw_set(client, user, identity.token) != MOSQ_ERR_SUCCESS
        || mosquitto_tls_set(client, setting("HOMEPORT_CA", "/etc/ssl/certs/ca-certificates.crt"), NULL, NULL, NULL, NULL) != MOSQ_ERR_SUCCESS
        || mosquitto_connect(client, identity.host, 8883, 60) != MOSQ_ERR_SUCCESS) {
        fprintf(stderr, "no connection to %s\n", identity.host);
        return 1;
    }
    for (number = 1; number <= count && !refused; number++) {
        snprintf(body, sizeof body, "{\"from\":\"c\",\"number\":%d}", number);
        mosquitto_publish(client, NULL, topic, (int)strlen(body), body, 1, false);
        for (tries = 0; published < number && !refused && tries < 300; tries++)
            mosquitto_loop(client, 100, 1);
        if (published < number)
            break;
        printf("%s: sent %d\n", identity.device, number);
    }
    mosquitto_disconnect(client);
    mosquitto_loop(client, 100, 1);
    mosquitto_destroy(client);
    mosquitto_lib_cleanup();
    return published == count ? 0 : 1;
}
