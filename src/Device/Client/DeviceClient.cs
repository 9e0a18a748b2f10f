using Homeport.Contract.Access;
using Homeport.Device.Client.Errors;
using Homeport.Device.Hub;
using Homeport.Device.Hub.Http;
using Homeport.Device.Hub.Mqtt;
using Homeport.Device.Queue;
using Microsoft.Extensions.Logging;

namespace Homeport.Device.Client;

/// <summary>
/// A device at its hub, with the members of the Azure IoT device client: telemetry, cloud-to-device messages, direct methods, twin, files. It
/// connects at the first call, makes the connection again when it ends, and replaces its token before it ends. With a queue
/// (<see cref="DeviceClientOptions.Queue"/>) what was accepted survives disconnections, restarts and power cuts.
/// </summary>
public sealed class DeviceClient : IAsyncDisposable, IDisposable
{
    private readonly TimeProvider _time;
    private readonly HubConnector _connector;
    private readonly HubSession _session;
    private readonly MethodDispatch _methods;
    private readonly DesiredProperties _desired;
    private readonly FileUploads _files;
    private readonly OutgoingQueue? _queue;
    private readonly TrustUpdates? _trust;
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _work;
    private int _closed;

    private DeviceClient(HubTarget target, IAuthenticationMethod method, TransportType transport, DeviceClientOptions options, OutgoingQueue? queue)
    {
        var logger = options.LoggerFactory.CreateLogger<DeviceClient>();
        _time = options.TimeProvider;
        _queue = queue;
        _methods = new MethodDispatch(RespondAsync, logger);
        _desired = new DesiredProperties(GetTwinAsync, logger);
        _connector = new HubConnector(target, method, transport, options, logger);
        _session = new HubSession(_connector, new HubEvents(_methods.Call, _desired.Changed), _time, logger)
        {
            IsPersistent = queue is not null,
            Reconnected = _desired.Reconnected,
        };
        if (options.Trust.Store is { } store)
        {
            _trust = new TrustUpdates(store, _connector.Http, _time, logger);
            _session.Connected = _trust.Connected;
        }

        _files = new FileUploads(_connector.Http);
        var pump = queue is null ? Task.CompletedTask : Task.Run(() => new QueuePump(queue, _session, _time, logger).RunAsync(_closing.Token));
        var report = queue is not null && options.Queue!.ReportPath is { } path
            ? new QueueReport(queue, path, () => _session.LastFailure?.Message, _time, logger).RunAsync(_closing.Token)
            : Task.CompletedTask;
        _work = Task.WhenAll(pump, report, _desired.RunAsync(_closing.Token), _trust?.RunAsync(_closing.Token) ?? Task.CompletedTask);
    }

    /// <summary>The limit of one call, with all its attempts. 4 minutes.</summary>
    public TimeSpan OperationTimeout { get; set; } = TimeSpan.FromMinutes(4);

    /// <inheritdoc cref="OperationTimeout"/>
    public uint OperationTimeoutInMilliseconds
    {
        get => (uint)OperationTimeout.TotalMilliseconds;
        set => OperationTimeout = value == 0 ? TimeSpan.MaxValue : TimeSpan.FromMilliseconds(value);
    }

    /// <summary>Whether there is a connection, and why.</summary>
    public (ConnectionStatus Status, ConnectionStatusChangeReason Reason) ConnectionStatus => _session.Status;

    /// <summary>Why there is no connection, in words; null while there is one or none was wanted.</summary>
    public IotHubException? LastFailure => _session.LastFailure;

    /// <summary>What waits for the hub; null without a queue.</summary>
    public QueueStatus? QueueStatus => _queue?.Status;

    /// <summary>A client of a hub, which connects at its first call.</summary>
    /// <exception cref="QueueException">The queue of the options cannot be opened.</exception>
    public static DeviceClient Create(string hostname, IAuthenticationMethod authenticationMethod, TransportType transportType = TransportType.Mqtt, DeviceClientOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(hostname);
        ArgumentNullException.ThrowIfNull(authenticationMethod);
        if (Uri.CheckHostName(hostname) == UriHostNameType.Unknown)
            throw new ArgumentException($"'{hostname}' is no host name. Write it without scheme, port and path, as hub.example.test.", nameof(hostname));
        options ??= new DeviceClientOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxInFlight, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.MaxInFlight, InFlightWindow.MaxSize, nameof(options));
        var target = new HubTarget(hostname, authenticationMethod.DeviceId)
        {
            GatewayHostName = options.GatewayHostName,
            ModuleId = options.ModuleId,
            MqttPort = options.MqttPort,
            AmqpPort = options.AmqpPort,
            HttpsPort = options.HttpsPort,
            Trust = options.Trust,
            KeepAlive = options.KeepAlive,
            ConnectLimit = options.ConnectLimit,
            MaxInFlight = options.MaxInFlight,
            ModelId = options.ModelId,
        };
        var queue = options.Queue is null
            ? null
            : OutgoingQueue.Open(options.Queue, options.TimeProvider, options.LoggerFactory.CreateLogger<OutgoingQueue>());
        return new DeviceClient(target, authenticationMethod, transportType, options, queue);
    }

    /// <summary>From the connection string of a device or module, with a key or a token.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static DeviceClient CreateFromConnectionString(string connectionString, TransportType transportType = TransportType.Mqtt, DeviceClientOptions? options = null)
    {
        if (!ConnectionString.TryParse(connectionString, out var parsed, out var reason))
            throw new FormatException(reason);
        if (parsed.DeviceId is null)
            throw new FormatException("The connection string has no DeviceId: it is one of a service, not of a device.");
        var method = parsed switch
        {
            { SharedAccessKey: { } key } => AuthenticationMethodFactory.CreateAuthenticationWithRegistrySymmetricKey(parsed.DeviceId, key),
            { SharedAccessSignature: { } token } => AuthenticationMethodFactory.CreateAuthenticationWithToken(parsed.DeviceId, token),
            _ => throw new FormatException("The connection string has neither SharedAccessKey nor SharedAccessSignature."),
        };
        options ??= new DeviceClientOptions();
        return Create(parsed.HostName, method, transportType, options with
        {
            GatewayHostName = options.GatewayHostName ?? parsed.GatewayHostName,
            ModuleId = options.ModuleId ?? parsed.ModuleId,
        });
    }

    /// <summary>Called at each change of the connection status, one call at a time; must not block. Null: nobody.</summary>
    public void SetConnectionStatusChangesHandler(ConnectionStatusChangesHandler? statusChangesHandler) => _session.StatusChanged = statusChangesHandler;

    /// <summary>When to try again.</summary>
    public void SetRetryPolicy(IRetryPolicy retryPolicy)
    {
        ArgumentNullException.ThrowIfNull(retryPolicy);
        _session.RetryPolicy = retryPolicy;
    }

    /// <summary>Connects now instead of at the first call.</summary>
    public Task OpenAsync(CancellationToken cancellationToken = default)
        => OperateAsync(static (_, _) => Task.FromResult(true), cancellationToken);

    /// <summary>Sends a message: returns when the hub has stored it, or, with a queue, when it is on this device's disk.</summary>
    /// <exception cref="IotHubException">The hub did not take it.</exception>
    /// <exception cref="QueueException">The queue did not take it.</exception>
    public Task SendEventAsync(Message message, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(message);
        return SendAsync([message], cancellationToken);
    }

    /// <summary>Sends messages in this order, as <see cref="SendEventAsync"/>.</summary>
    public Task SendEventBatchAsync(IEnumerable<Message> messages, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return SendAsync([.. messages], cancellationToken);
    }

    /// <summary>Waits until the hub has all that was accepted. Without a queue there is nothing to wait for.</summary>
    public Task FlushAsync(CancellationToken cancellationToken = default)
        => _queue is null ? Task.CompletedTask : _queue.WhenEmptyAsync(cancellationToken);

    /// <summary>The next cloud-to-device message, or null when none comes in time.</summary>
    public Task<Message?> ReceiveAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => OperateAsync(
            async (link, token) =>
            {
                await _session.EnableAsync(HubFeatures.Messages, token);
                return await link.ReceiveAsync(timeout, token);
            },
            cancellationToken);

    /// <summary>The next cloud-to-device message.</summary>
    public async Task<Message?> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (await ReceiveAsync(TimeSpan.FromMinutes(1), cancellationToken) is { } message)
                return message;
        }
    }

    /// <summary>Tells the hub that a cloud-to-device message is done with.</summary>
    /// <exception cref="DeviceMessageLockLostException">Too late; the hub delivers it again.</exception>
    public Task CompleteAsync(Message message, CancellationToken cancellationToken = default) => SettleAsync(message, MessageOutcome.Complete, cancellationToken);

    /// <summary>Tells the hub that a cloud-to-device message can never be done. AMQP and HTTPS.</summary>
    /// <exception cref="NotSupportedException">MQTT cannot say this.</exception>
    public Task RejectAsync(Message message, CancellationToken cancellationToken = default) => SettleAsync(message, MessageOutcome.Reject, cancellationToken);

    /// <summary>Asks the hub to deliver a cloud-to-device message again. AMQP and HTTPS.</summary>
    /// <exception cref="NotSupportedException">MQTT cannot say this.</exception>
    public Task AbandonAsync(Message message, CancellationToken cancellationToken = default) => SettleAsync(message, MessageOutcome.Abandon, cancellationToken);

    /// <summary>Answers a direct method. Null removes the handler.</summary>
    public Task SetMethodHandlerAsync(string methodName, MethodCallback? methodHandler, object? userContext = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(methodName);
        return SetMethodAsync(methodName, methodHandler, userContext, cancellationToken);
    }

    /// <summary>Answers all direct methods that have no handler of their own. Null removes it.</summary>
    public Task SetMethodDefaultHandlerAsync(MethodCallback? methodHandler, object? userContext = null, CancellationToken cancellationToken = default)
        => SetMethodAsync(null, methodHandler, userContext, cancellationToken);

    /// <summary>Desired and reported properties.</summary>
    public async Task<Twin> GetTwinAsync(CancellationToken cancellationToken = default)
        => Twin.Parse(await OperateAsync(static (link, token) => link.GetTwinAsync(token), cancellationToken));

    /// <summary>Merges into the reported properties; a null deletes a property.</summary>
    /// <returns>The new version of the reported properties.</returns>
    public Task<long> UpdateReportedPropertiesAsync(TwinCollection reportedProperties, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(reportedProperties);
        var patch = reportedProperties.ToBytes();
        return OperateAsync((link, token) => link.ReportAsync(patch, token), cancellationToken);
    }

    /// <summary>Called when the desired properties change, also when they did while there was no connection. Null removes the handler.</summary>
    public async Task SetDesiredPropertyUpdateCallbackAsync(
        DesiredPropertyUpdateCallback? callback, object? userContext = null, CancellationToken cancellationToken = default)
    {
        _desired.Set(callback, userContext);
        if (callback is null)
            return;
        await EnableAsync(HubFeatures.Desired | HubFeatures.Twin, cancellationToken);
        // From here on changes count.
        _desired.Know((await GetTwinAsync(cancellationToken)).Properties.Desired.Version);
    }

    /// <summary>Asks where to put a file.</summary>
    public Task<FileUploadSasUriResponse> GetFileUploadSasUriAsync(FileUploadSasUriRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        return _files.RequestAsync(request.BlobName, cancellationToken);
    }

    /// <summary>Reports the end of an upload.</summary>
    public Task CompleteFileUploadAsync(FileUploadCompletionNotification notification, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(notification);
        return _files.ReportAsync(notification, cancellationToken);
    }

    /// <summary>Puts a file into the store of the hub: ticket, blocks, report.</summary>
    public Task UploadToBlobAsync(string blobName, Stream source, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(blobName);
        ArgumentNullException.ThrowIfNull(source);
        return _files.UploadAsync(blobName, source, cancellationToken);
    }

    /// <summary>Fetches the root certificates of the hub now, for a client whose trust is that of a <see cref="TrustStore"/>; by itself it does so once a day.</summary>
    /// <returns>True when the hub gave others than the store had.</returns>
    /// <exception cref="IotHubException">The hub gave none.</exception>
    /// <exception cref="FormatException">None of the believed roots signed them.</exception>
    /// <exception cref="InvalidOperationException">The trust is not that of a store.</exception>
    public Task<bool> UpdateTrustAsync(CancellationToken cancellationToken = default)
        => _trust?.UpdateAsync(cancellationToken) ?? throw new InvalidOperationException("The roots are fixed: give the client the Trust of a TrustStore.");

    /// <summary>Closes the connection. What is in the queue stays there for the next start.</summary>
    public Task CloseAsync(CancellationToken cancellationToken = default) => DisposeAsync().AsTask().WaitAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _closed, 1) != 0)
            return;
        await _closing.CancelAsync();
        try
        {
            await _work;
        }
        catch (OperationCanceledException)
        {
            // As wanted.
        }
        finally
        {
            await _session.DisposeAsync();
            if (_queue is not null)
                await _queue.DisposeAsync();
            _connector.Dispose();
        }
    }

    /// <summary>As <see cref="DisposeAsync"/>, without waiting for the farewell.</summary>
    public void Dispose() => _ = DisposeAsync().AsTask();

    private Task SendAsync(Message[] messages, CancellationToken cancellationToken)
    {
        if (_queue is not null)
            return _queue.AddAsync(messages).WaitAsync(cancellationToken);
        var outgoing = Array.ConvertAll(messages, static message => message.ToOutgoing());
        return OperateAsync(
            async (link, token) =>
            {
                await (await link.SendAsync(outgoing, token)).Stored.WaitAsync(token);
                return true;
            },
            cancellationToken);
    }

    private async Task SettleAsync(Message message, MessageOutcome outcome, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        var lockToken = message.LockToken ?? throw new ArgumentException("The message was not received from a hub.", nameof(message));
        var link = await _session.GetLinkAsync(cancellationToken);
        await link.SettleAsync(lockToken, outcome, cancellationToken);
    }

    private Task SetMethodAsync(string? name, MethodCallback? handler, object? context, CancellationToken cancellationToken)
    {
        _methods.Set(name, handler, context);
        return handler is null ? Task.CompletedTask : EnableAsync(HubFeatures.Methods, cancellationToken);
    }

    private Task<bool> EnableAsync(HubFeatures features, CancellationToken cancellationToken)
        => OperateAsync(
            async (_, token) =>
            {
                await _session.EnableAsync(features, token);
                return true;
            },
            cancellationToken);

    private async Task RespondAsync(string requestId, int status, byte[] result)
    {
        var link = await _session.GetLinkAsync(_closing.Token);
        await link.RespondAsync(requestId, status, result, _closing.Token);
    }

    /// <summary>Calls until it succeeds, time is over, or trying again makes no sense.</summary>
    private async Task<T> OperateAsync<T>(Func<IHubLink, CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(OperationTimeout == TimeSpan.MaxValue ? Timeout.InfiniteTimeSpan : OperationTimeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token, _closing.Token);
        IotHubException? last = null;
        try
        {
            for (var failures = 0; ; failures++)
            {
                try
                {
                    return await call(await _session.GetLinkAsync(both.Token), both.Token);
                }
                catch (IotHubException e) when (e.IsTransient && _session.RetryPolicy.ShouldRetry(failures, e, out _))
                {
                    last = e;
                    _session.RetryPolicy.ShouldRetry(failures, e, out var pause);
                    await Task.Delay(pause, _time, both.Token);
                }
            }
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            ObjectDisposedException.ThrowIf(_closing.IsCancellationRequested, this);
            var trouble = last ?? _session.LastFailure;
            throw IotHubException.Of(HubLinkEnd.Silence, $"The call did not succeed within {OperationTimeout}. {trouble?.Message ?? "The hub did not answer."}", e);
        }
    }
}
