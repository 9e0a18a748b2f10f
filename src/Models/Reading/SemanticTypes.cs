namespace Homeport.Models.Reading;

/// <summary>
/// Semantic types with the units of each. Source: DTDL v2, "Semantic Type", and the QuantitativeTypes extension v1 of DTDL v3; a plus marks
/// what only the latter has.
/// </summary>
internal static class SemanticTypes
{
    private static readonly Dictionary<string, string> Units = new(StringComparer.Ordinal)
    {
        ["AccelerationUnit"] = "centimetrePerSecondSquared gForce metrePerSecondSquared",
        ["AngleUnit"] = "degreeOfArc minuteOfArc radian secondOfArc turn",
        ["AngularAccelerationUnit"] = "radianPerSecondSquared",
        ["AngularVelocityUnit"] = "degreePerSecond radianPerSecond revolutionPerMinute revolutionPerSecond",
        ["ApparentEnergyUnit"] = "+gigavoltAmpereHour +kilovoltAmpereHour +megavoltAmpereHour +voltAmpereHour",
        ["ApparentPowerUnit"] = "+gigavoltAmpere +kilovoltAmpere +megavoltAmpere +millivoltAmpere +voltAmpere",
        ["AreaUnit"] = "acre hectare squareCentimetre squareFoot squareInch squareKilometre squareMetre squareMillimetre",
        ["CapacitanceUnit"] = "farad microfarad millifarad nanofarad picofarad",
        ["ChargeUnit"] = "+ampereHour coulomb +milliampereHour",
        ["CurrentUnit"] = "ampere +kiloampere microampere milliampere",
        ["DataRateUnit"] = "bitPerSecond bytePerSecond exbibitPerSecond exbibytePerSecond gibibitPerSecond gibibytePerSecond kibibitPerSecond kibibytePerSecond mebibitPerSecond mebibytePerSecond tebibitPerSecond tebibytePerSecond yobibitPerSecond yobibytePerSecond zebibitPerSecond zebibytePerSecond",
        ["DataSizeUnit"] = "bit byte exbibit exbibyte gibibit gibibyte kibibit kibibyte mebibit mebibyte tebibit tebibyte yobibit yobibyte zebibit zebibyte",
        ["DensityUnit"] = "gramPerCubicMetre kilogramPerCubicMetre +microgramPerCubicMetre +milligramPerCubicMetre",
        ["EnergyUnit"] = "+britishThermalUnit electronvolt gigajoule +gigawattHour joule +kiloBritishThermalUnit kilojoule kilowattHour megaelectronvolt megajoule +megawattHour +milliwattHour +terawattHour +wattHour",
        ["ForceUnit"] = "newton ounce pound ton",
        ["FrequencyUnit"] = "gigahertz hertz kilohertz megahertz +millihertz",
        ["IlluminanceUnit"] = "footcandle lux",
        ["InductanceUnit"] = "henry microhenry millihenry",
        ["IonizingRadiationDoseUnit"] = "+gray +microgray +microsievert +milligray +millisievert +sievert",
        ["IrradianceUnit"] = "+wattPerSquareMetre",
        ["LengthUnit"] = "astronomicalUnit centimetre foot inch kilometre metre micrometre mile millimetre nanometre nauticalMile",
        ["LuminanceUnit"] = "candelaPerSquareMetre",
        ["LuminousFluxUnit"] = "lumen",
        ["LuminousIntensityUnit"] = "candela",
        ["MagneticFluxUnit"] = "maxwell weber",
        ["MagneticInductionUnit"] = "+gauss tesla",
        ["MassFlowRateUnit"] = "gramPerHour gramPerSecond kilogramPerHour kilogramPerSecond +massPoundPerHour",
        ["MassUnit"] = "gram kilogram +massPound microgram milligram slug tonne",
        ["PowerUnit"] = "+britishThermalUnitPerHour +gigajoulePerHour gigawatt horsepower +joulePerHour +joulePerSecond +kiloBritishThermalUnitPerHour +kilojoulePerHour +kilojoulePerSecond kilowatt kilowattHourPerYear +megajoulePerHour megawatt microwatt milliwatt +tonOfRefrigeration watt",
        ["PressureUnit"] = "bar +decapascal +hectopascal inchesOfMercury inchesOfWater kilopascal millibar millimetresOfMercury pascal poundPerSquareInch",
        ["RadioactivityUnit"] = "+becquerel +gigabecquerel +kilobecquerel +megabecquerel",
        ["ReactiveEnergyUnit"] = "+gigavoltAmpereReactiveHour +kilovoltAmpereReactiveHour +megavoltAmpereReactiveHour +voltAmpereReactiveHour",
        ["ReactivePowerUnit"] = "+gigavoltAmpereReactive +kilovoltAmpereReactive +megavoltAmpereReactive +millivoltAmpereReactive +voltAmpereReactive",
        ["ResistanceUnit"] = "kiloohm megaohm milliohm ohm",
        ["SoundPressureUnit"] = "bel decibel",
        ["TemperatureUnit"] = "degreeCelsius degreeFahrenheit kelvin",
        ["TimeUnit"] = "day hour microsecond millisecond minute nanosecond second year",
        ["TorqueUnit"] = "newtonMetre",
        ["Unitless"] = "+partsPerBillion +partsPerMillion +partsPerQuadrillion +partsPerTrillion percent unity",
        ["VelocityUnit"] = "centimetrePerSecond kilometrePerHour kilometrePerSecond knot metrePerHour metrePerSecond milePerHour milePerSecond",
        ["VoltageUnit"] = "kilovolt megavolt microvolt millivolt volt",
        ["VolumeFlowRateUnit"] = "+cubicFootPerMinute +cubicMetrePerHour +cubicMetrePerMinute +cubicMetrePerSecond +gallonPerHour +gallonPerMinute litrePerHour +litrePerMinute litrePerSecond millilitrePerHour +millilitrePerMinute millilitrePerSecond",
        ["VolumeUnit"] = "cubicCentimetre cubicFoot cubicInch cubicMetre fluidOunce gallon litre millilitre",
    };

    private static readonly Dictionary<string, string> UnitTypes = new(StringComparer.Ordinal)
    {
        ["Acceleration"] = "AccelerationUnit",
        ["Angle"] = "AngleUnit",
        ["AngularAcceleration"] = "AngularAccelerationUnit",
        ["AngularVelocity"] = "AngularVelocityUnit",
        ["+ApparentEnergy"] = "ApparentEnergyUnit",
        ["+ApparentPower"] = "ApparentPowerUnit",
        ["Area"] = "AreaUnit",
        ["Capacitance"] = "CapacitanceUnit",
        ["+Concentration"] = "Unitless",
        ["Current"] = "CurrentUnit",
        ["DataRate"] = "DataRateUnit",
        ["DataSize"] = "DataSizeUnit",
        ["Density"] = "DensityUnit",
        ["Distance"] = "LengthUnit",
        ["ElectricCharge"] = "ChargeUnit",
        ["Energy"] = "EnergyUnit",
        ["+EnergyRate"] = "PowerUnit",
        ["Force"] = "ForceUnit",
        ["Frequency"] = "FrequencyUnit",
        ["Humidity"] = "DensityUnit",
        ["Illuminance"] = "IlluminanceUnit",
        ["Inductance"] = "InductanceUnit",
        ["+IonizingRadiationDose"] = "IonizingRadiationDoseUnit",
        ["+Irradiance"] = "IrradianceUnit",
        ["Latitude"] = "AngleUnit",
        ["Length"] = "LengthUnit",
        ["Longitude"] = "AngleUnit",
        ["Luminance"] = "LuminanceUnit",
        ["Luminosity"] = "PowerUnit",
        ["LuminousFlux"] = "LuminousFluxUnit",
        ["LuminousIntensity"] = "LuminousIntensityUnit",
        ["MagneticFlux"] = "MagneticFluxUnit",
        ["MagneticInduction"] = "MagneticInductionUnit",
        ["Mass"] = "MassUnit",
        ["MassFlowRate"] = "MassFlowRateUnit",
        ["Power"] = "PowerUnit",
        ["Pressure"] = "PressureUnit",
        ["+Radioactivity"] = "RadioactivityUnit",
        ["+ReactiveEnergy"] = "ReactiveEnergyUnit",
        ["+ReactivePower"] = "ReactivePowerUnit",
        ["+RelativeDensity"] = "Unitless",
        ["RelativeHumidity"] = "Unitless",
        ["Resistance"] = "ResistanceUnit",
        ["SoundPressure"] = "SoundPressureUnit",
        ["Temperature"] = "TemperatureUnit",
        ["Thrust"] = "ForceUnit",
        ["TimeSpan"] = "TimeUnit",
        ["Torque"] = "TorqueUnit",
        ["Velocity"] = "VelocityUnit",
        ["Voltage"] = "VoltageUnit",
        ["Volume"] = "VolumeUnit",
        ["VolumeFlowRate"] = "VolumeFlowRateUnit",
    };

    private static readonly Dictionary<string, string[]> Version2 = Build(2);

    private static readonly Dictionary<string, string[]> Version3 = Build(3);

    /// <summary>The units of a semantic type, or null when there is no such type in this version.</summary>
    public static IReadOnlyList<string>? UnitsOf(string type, int language) => (language == 2 ? Version2 : Version3).GetValueOrDefault(type);

    /// <summary>A type of IoT Central's extension.</summary>
    public static bool IsCentral(string type) => type is "AccelerationVector" or "Event" or "Location" or "State" or "VelocityVector";

    private static Dictionary<string, string[]> Build(int language)
    {
        var table = new Dictionary<string, string[]>(StringComparer.Ordinal);
        foreach (var (type, unitType) in UnitTypes)
        {
            if (type[0] == '+' && language == 2)
                continue;
            table[type.TrimStart('+')] = [.. Units[unitType].Split(' ').Where(u => u[0] != '+' || language == 3).Select(u => u.TrimStart('+'))];
        }
        return table;
    }
}
